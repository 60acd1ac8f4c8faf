"""Each way into the company knows a record that its source has corrected: it is posted once, and "done" is true."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.journeys.corrections import CREATE, ENTRIES, REFUSED, Entry
from support.journeys.documents import ENTRY, Document
from support.journeys.ways_in import SOURCE, WAYS, Desk, Options

NO_KEY = ("an agent, entry by entry", "Intacct's names", "a stream of Intacct's names")
"""Ways in which a record has no key of its source beside its fields."""
NO_NUMBER = "a stream of unified v1"
"""A way in which an entry has no reference."""
ONE_BY_ONE = "an agent, entry by entry"
ENTRY_WAYS = tuple(way for way in WAYS if way not in ("Spark", "events of another company", "a flow", "unified v1"))
"""Those that create entries without a key too; the others are in the tests of all kinds of records."""


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
    for way in ENTRY_WAYS
    for case in ENTRIES
    if expresses(way, case)
]


@pytest.fixture
def served(tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    with serve(emulator) as server:
        yield Desk(tmp_path, emulator, server.url)


def documents(entries: Iterable[Entry]) -> tuple[Document, ...]:
    """The entries as every way takes them."""
    parties = {journal: party for party, journal in ENTRY.parties.items()}
    return tuple(
        Document(one.reference, one.key, parties[one.journal], one.day, one.amount, one.title) for one in entries
    )


def held(desk: Desk) -> Counter[tuple[str, ...]]:
    """The entries of the company."""
    return ENTRY.held(desk.emulator, "")


def as_held(entries: Iterable[Entry]) -> Counter[tuple[str, ...]]:
    return Counter(ENTRY.as_held(replace(one, number=one.number.strip())) for one in documents(entries))


@pytest.mark.parametrize(("way", "case"), CASES)
def test_a_corrected_source(served: Desk, way: str, case: str) -> None:
    before, now, verdicts, options = ENTRIES[case]
    load, chosen = partial(WAYS[way], served, ENTRY), Options(key=SOURCE if options else "")
    for records in before:
        assert load(documents(records), chosen)
    posted = held(served)
    new = tuple(entry for entry, verdict in zip(now, verdicts, strict=True) if verdict is CREATE)
    done = REFUSED not in verdicts
    for _ in range(2):  # the same again says the same, and posts nothing
        assert load(documents(now), chosen) == done
        if way != NO_NUMBER:
            assert held(served) == sum(map(as_held, before), Counter()) + as_held(new)
        assert held(served).total() == posted.total() + len(new)
