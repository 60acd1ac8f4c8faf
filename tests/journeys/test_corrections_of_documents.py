"""Each kind of record, corrected in its source and loaded again in each mode, through each way into the company."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.journeys.corrected import CORRECTIONS
from support.journeys.documents import KINDS, Document, prepare
from support.journeys.ways_in import MAPS, NUMBER, SOURCE, WAYS, Desk, Options
from support.small_company import Clock, client, company

MODES = {
    "create": Options(),
    "create by key": Options(SOURCE),
    "upsert": Options(mode="upsert"),
    "upsert by number": Options(NUMBER, "upsert"),
    "upsert by key": Options(SOURCE, "upsert", "shop"),
}
"""How a source is loaded; the last names the source, so that its keys may choose the record that is changed."""
SAME, NEW, CHANGED, REFUSED = "same", "new", "changed", "refused"
"""What becomes of the records of the second load: they are as they were; posted; the posted ones are changed; left as
they are, with a load that does not say that all is done."""
Outcomes = Mapping[str, tuple[str, str, str, str, str]]
OF_ALL: Outcomes = {
    "same again": (SAME,) * 5,
    "cumulative": (NEW,) * 5,
    "next one alone": (NEW,) * 5,
    "draft is live": (REFUSED, REFUSED, CHANGED, CHANGED, CHANGED),
    "live is void": (REFUSED,) * 5,
    "undone, again": (NEW,) * 5,
    "undone, corrected": (NEW,) * 5,
}
OF_ENTRIES: Outcomes = {
    **OF_ALL,
    **dict.fromkeys(("amount", "date", "text", "party"), (REFUSED, REFUSED, REFUSED, CHANGED, CHANGED)),
    "number": (NEW, REFUSED, NEW, NEW, CHANGED),
}
OF_BILLS: Outcomes = {
    **OF_ALL,
    **dict.fromkeys(("amount", "date", "text"), (REFUSED, REFUSED, CHANGED, CHANGED, CHANGED)),
    "number": (NEW, REFUSED, NEW, NEW, CHANGED),
    "party": (NEW, REFUSED, NEW, CHANGED, CHANGED),
    # Intacct keeps the number of a reversed bill, and refuses another bill with it
    **dict.fromkeys(("undone, again", "undone, corrected"), (REFUSED,) * 5),
}
OF_PAYMENTS: Outcomes = {
    **OF_ALL,
    **dict.fromkeys(("amount", "date"), (REFUSED,) * 5),  # no function of the gateway changes them
    "text": (REFUSED, REFUSED, REFUSED, CHANGED, CHANGED),
    "number": (NEW, REFUSED, NEW, NEW, CHANGED),
    "party": (NEW, REFUSED, NEW, REFUSED, REFUSED),  # a number counts within its party
}
OF_PARTIES: Outcomes = {
    "same again": (SAME,) * 5,
    "text": (REFUSED, REFUSED, CHANGED, CHANGED, CHANGED),
    "number": (NEW, REFUSED, NEW, NEW, REFUSED),  # the ID of a party cannot be changed
    "cumulative": (NEW,) * 5,
    "next one alone": (NEW,) * 5,
    "undone, again": (NEW,) * 5,
}
OUTCOMES = {
    "journal entry": OF_ENTRIES,
    "bill": OF_BILLS,
    "invoice": OF_BILLS,
    "payment": OF_PAYMENTS,
    "receipt": OF_PAYMENTS,
    "vendor": OF_PARTIES,
    "customer": OF_PARTIES,
}
STREAMS = tuple(way for way in WAYS if "stream" in way)
UNATTENDED = (*STREAMS, "a flow", "events of another company")
"""Ways in which no person sees the plan: what was taken back is not posted again."""
NO_KEY = ("an agent, entry by entry", "Intacct's names", "a stream of Intacct's names", "events of another company")
"""Ways in which a record has no key of its source beside its fields."""
USUAL = ("amount", "text", "number")


def expresses(way: str, kind: str, correction: str, mode: str) -> bool:
    """Whether a way has a form for a kind of record, its correction, and a mode."""
    made, options = KINDS[kind], MODES[mode]
    forms = {
        "a mapping": made.object in MAPS,
        "an agent, entry by entry": kind == "journal entry" and mode == "create" and correction in OF_TEXTS,
        "Spark": options.key == SOURCE,
        "events of another company": mode == "upsert",
    }
    if not forms.get(way, True) or (options.key == SOURCE and way in NO_KEY):
        return False
    if "names" in way and kind == "journal entry" and correction == "draft is live" and options.mode == "upsert":
        return False  # `Open` is no state of an entry in Intacct
    if way in STREAMS and options.key == NUMBER:
        return False
    if "names" in way or way.startswith("events"):
        return made.object not in ("APPYMT", "ARPYMT")  # there a payment names the record number of what it pays
    version = unified_version(way)
    if version and (version not in made.unified or (version == "v1" and kind == "journal entry")):  # it has no number
        return False
    return correction != "text" or has_text(way, kind)


def unified_version(way: str) -> str:
    """The version of the unified schema that a way uses; empty if it uses none."""
    return next((version for version in ("v1", "v2") if version in way or ("external" in way and version == "v2")), "")


def has_text(way: str, kind: str) -> bool:
    """Whether a way has a field for a record's text; payments of the unified schemas have none."""
    return not (unified_version(way) and KINDS[kind].object in ("APPYMT", "ARPYMT"))


OF_TEXTS = ("same again", "amount", "date", "text", "number", "party")
"""Corrections of one record that has no state."""


def expected(way: str, kind: str, correction: str, mode: str) -> str:
    """What becomes of the record."""
    if correction == "undone, again" and way in UNATTENDED:
        return REFUSED
    is_event = way == "events of another company" and kind not in ("vendor", "customer")
    known_as = "upsert by key" if is_event else mode  # documents have the keys of the watched company
    return OUTCOMES[kind][correction][list(MODES).index(known_as)]


def is_slow(way: str, kind: str, correction: str, mode: str) -> bool:
    """Whether a case is left to the long runs."""
    if way == "rows":
        return kind in ("invoice", "receipt", "customer") and (correction not in USUAL or mode != "create")
    if way == "an agent" and kind in ("bill", "payment") and correction == "text":
        return mode == "upsert"  # its plans are saved
    if (way, kind, correction, mode) == ("an agent", "journal entry", "amount", "upsert by key"):
        return False  # an update of lines in a saved plan
    return kind != "bill" or correction not in ("amount", "number") or mode in ("upsert", "upsert by number")


CASES = [
    pytest.param(way, kind, correction, mode, marks=[pytest.mark.slow] if is_slow(way, kind, correction, mode) else [])
    for way in WAYS
    for kind, outcomes in OUTCOMES.items()
    for correction in outcomes
    for mode in MODES
    if expresses(way, kind, correction, mode)
]
_numbers = count()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Emulator, str]]:
    """One company for all cases, whose records have numbers of their own."""
    emulator = company(Clock())
    prepare(emulator)
    with serve(emulator) as server:
        yield emulator, server.url
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture
def desk(
    served: tuple[Emulator, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Desk:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    in_postgres = request.node.callspec.params["way"] == "Spark"
    return Desk(tmp_path, *served, place=request.getfixturevalue("postgres_place") if in_postgres else None)


def take_back(desk: Desk) -> None:
    """Undo all that was posted."""
    with client(desk.emulator) as gateway, desk.scenario.outbox() as outbox:
        outbox.recover()
        undo = plan_undo(gateway, outbox, [one for one in outbox.entries() if one.is_live], UndoSettings(UNDONE_ON))
        assert undo.plan is not None and not undo.refused
        assert all(outcome.good for outcome in Loader(gateway, outbox).apply(undo.plan))


UNDONE_ON = date(2026, 11, 30)


@pytest.mark.parametrize(("way", "kind", "correction", "mode"), CASES)
def test_a_corrected_record(desk: Desk, way: str, kind: str, correction: str, mode: str) -> None:
    load, made, change, options = WAYS[way], KINDS[kind], CORRECTIONS[correction], MODES[mode]
    name = f"X{next(_numbers)}"
    document = Document(f"{name}-1", f"{name}-k", text=f"{name} rent")
    assert load(desk, made, change.before(document), options), "the first load is done"
    before, gone = made.held(desk.emulator, name), frozenset[str]()
    assert before.total() == 1
    if change.undone:
        take_back(desk)
        before, gone = Counter(), frozenset(made.all_of(desk.emulator))

    outcome = expected(way, kind, correction, mode)
    now = change.now(document)
    wanted = Counter(made.as_held(one if has_text(way, kind) else replace(one, text="")) for one in now)
    holds = {SAME: before, REFUSED: before, CHANGED: wanted, NEW: before | wanted}[outcome]
    for _ in range(2):  # the same again says the same, and posts nothing
        done = load(desk, made, now, options)
        assert made.held(desk.emulator, name, but=gone) == holds
        assert done == (outcome != REFUSED)
