"""Each way into the company knows a record that its source has corrected: it is posted once, and "done" is true."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.journeys.corrections import CREATE, ENTRIES, REFUSED, Entry
from support.journeys.ways_in import WAYS, Desk, Options

NO_KEY = ("an agent, entry by entry", "Intacct's names", "a stream of Intacct's names")
"""Ways in which a record has no key of its source beside its fields."""
NO_NUMBER = "a stream of unified v1"
"""A way in which an entry has no reference."""
ONE_BY_ONE = "an agent, entry by entry"


def expresses(way: str, case: str) -> bool:
    """Whether a way can express a case."""
    before, now, _, options = ENTRIES[case]
    references = {entry.reference for records in (*before, now) for entry in records}
    if "stream" in way and ("" in references or "twice" in case):
        return False  # the position tells equal records apart, and a later record replaces an earlier one of its key
    if way == NO_NUMBER and (not options or len(references) > 1):
        return False
    if way == ONE_BY_ONE and any(len(records) > 1 for records in (*before, now)):
        return False
    return not (options and way in NO_KEY)


USUAL = (
    "loaded again",
    "title corrected",
    "a schedule goes on",
    "no reference, a part of the file",
    "reference corrected, with a key",
    "another key, the same reference",
    "two keys, one reference",
)
"""The cases of every run of the tests."""
CASES = [
    pytest.param(way, case, marks=[] if case in USUAL else [pytest.mark.slow])
    for way in WAYS
    for case in ENTRIES
    if expresses(way, case)
]


@pytest.fixture
def served(tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    with serve(emulator) as server:
        yield Desk(tmp_path, emulator, server.url)


def held(desk: Desk) -> Counter[tuple[str, ...]]:
    """The entries of the company: number, date, title, journal and amount."""
    books = desk.emulator.company()
    amounts = {
        row["BATCHNO"]: f"{Decimal(row['TRX_AMOUNT']).normalize():f}"
        for _, row in books.table("GLENTRY").rows()
        if str(row["TR_TYPE"]) == "1"
    }
    rows = [dict(row) for _, row in books.table("GLBATCH").rows()]
    names = ("BATCH_DATE", "BATCH_TITLE", "JOURNAL")
    return Counter(
        (row.get("REFERENCENO", ""), *(row[name] for name in names), amounts[row["RECORDNO"]]) for row in rows
    )


def as_held(records: tuple[Entry, ...]) -> Counter[tuple[str, ...]]:
    return Counter(
        (entry.reference.strip(), "{1}/{2}/{0}".format(*entry.day.split("-")), entry.title, entry.journal, entry.amount)
        for entry in records
    )


@pytest.mark.parametrize(("way", "case"), CASES)
def test_a_corrected_source(served: Desk, way: str, case: str) -> None:
    before, now, verdicts, options = ENTRIES[case]
    load, chosen = WAYS[way], Options(key=bool(options))
    for records in before:
        assert load(served, records, chosen)
    posted = held(served)
    new = tuple(entry for entry, verdict in zip(now, verdicts, strict=True) if verdict is CREATE)
    done = REFUSED not in verdicts
    for _ in range(2):  # the same again says the same, and posts nothing
        assert load(served, now, chosen) == done
        if way != NO_NUMBER:
            assert held(served) == sum(map(as_held, before), Counter()) + as_held(new)
        assert held(served).total() == posted.total() + len(new)
