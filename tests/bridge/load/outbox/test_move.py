"""Moving an outbox between files and databases: everything comes along, and the old place refuses from then on."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.changes.event_log import EventLog, event_log_place
from intacct_bridge.load.outbox.entry import Approval, OutboxEntry, Resolution, ResolutionKind, WriteTarget, new_entry
from intacct_bridge.load.outbox.equal_counts import CoveredStream, EqualCount, StreamPosition, StreamSource
from intacct_bridge.load.outbox.move import move_outbox
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.outbox.storage import tables
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Receipt, WriteOperation
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.shared_state.database import LONGEST_REQUEST, SEND_WITHIN
from intacct_bridge.shared_state.place import Place, PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase
from intacct_protocol.errors import SettingsError

PLACE = WriteTarget("demo-company", "", WriteOperation.CREATE, "GLBATCH")
STREAM = StreamSource("demo-company", "crm", "pay")
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MOVES = [("file", "file"), ("file", "database"), ("database", "file"), ("database", "database")]
STEPS = ("reserved", "events reserved", "copied", "moved", "events copied", "events moved")
RECORD = '{"T":"é"}'.encode()
MakePlace = Callable[[str], Place]


class KilledError(BaseException):
    """Stands for kill -9."""


@pytest.fixture
def place_of(tmp_path: Path, schemas: Iterator[PostgresPlace]) -> MakePlace:
    numbers = iter(range(100))
    return lambda kind: tmp_path / f"{next(numbers)}.sqlite3" if kind == "file" else next(schemas)


def intent(identity: str) -> OutboxEntry:
    return new_entry(PLACE, identity, "1", f"<create>{identity}</create>", {"REFERENCENO": identity}, label=identity)


def fill(place: Place, *, in_flight: bool = False) -> None:
    """Entries in several states, with all that the outbox keeps beside them, and an event log."""
    with Outbox(place, clock=lambda: NOW, user="me") as outbox:
        first, second, third = outbox.begin(outbox.plan([intent(one) for one in "abc"]))
        outbox.conclude([first.ended(RecordStatus.APPLIED, Receipt("41", "GJ-1"))])
        outbox.conclude([second.ended(RecordStatus.IN_DOUBT)])
        outbox.decide(second.number, Resolution(ResolutionKind.NOT_POSTED, "anna", "looked"))
        if not in_flight:
            outbox.conclude([third.ended(RecordStatus.IN_DOUBT)])
        outbox.keep_repeat_guard("loader", "witness")
        outbox.record_plan("plan-1", "digest", "anna", TargetCompany("acme", "", "sandbox", "me"))
        outbox.approve(Approval("plan-1", "digest", "ben", NOW, NOW + timedelta(days=1)))
        outbox.equal_counts.assign(STREAM, {"d": 3})
        outbox.equal_counts.cover([CoveredStream(STREAM, StreamPosition("at", "v"), {"d": 2})])
    with closing(EventLog(event_log_place(place))) as log:
        log.begin_run("w", "demo-company", "{}")
        with log.transaction() as db:
            for key in "abc":
                db.execute(
                    "INSERT INTO event (watch, company, object, key, kind, at, record, nonce)"
                    " VALUES ('w', 'C', 'X', ?, 'updated', ?, ?, 'n')",
                    (key, NOW.isoformat(), RECORD),
                )
            db.execute("DELETE FROM event WHERE key = 'c'")  # its number is not given again


def content(place: Place) -> dict[str, Any]:
    with Outbox(place, clock=lambda: NOW) as outbox:
        entries = list(outbox.entries())
        found: dict[str, Any] = {
            "id": outbox.id,
            "entries": entries,
            "history": [outbox.history(one) for one in entries],
            "decisions": [outbox.decisions(one) for one in entries],
            "plan": outbox.plan_record("plan-1"),
            "approvals": outbox.approvals("plan-1"),
            "count": outbox.equal_counts.count(STREAM, "d"),
            "position": outbox.equal_counts.position(STREAM),
        }
    with closing(EventLog(event_log_place(place))) as log:
        found |= {"events": log.after("w", 0, 10), "last": log.last_number(), "definition": log.definition("w")}
    return found


@pytest.mark.parametrize(("here", "there"), MOVES)
def test_everything_comes_along_and_the_numbers_go_on(place_of: MakePlace, here: str, there: str) -> None:
    old, new = place_of(here), place_of(there)
    fill(old)
    before = content(old)
    assert before["count"] == EqualCount(3, 2)
    assert (before["last"], len(before["events"]), len(before["decisions"][1])) == (3, 2, 1)
    moved = move_outbox(old, new)
    assert (moved.entries, moved.events) == (3, True)
    assert content(new) == before
    with Outbox(new, clock=lambda: NOW) as outbox:
        (entry,) = outbox.plan([intent("d")])
        assert (entry.number, [event.status for event in outbox.history(entry)]) == (4, ["planned"])
        assert outbox.history(entry)[0].number > max(one.number for some in before["history"] for one in some)
        assert outbox.take_repeat_guard("loader") == "witness"
    for opened in (Outbox, lambda place: EventLog(event_log_place(place))):
        with pytest.raises(SettingsError, match="was moved to"):
            opened(old)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("here", "there"), MOVES)
def test_a_move_that_is_killed_at_any_step_leaves_one_of_the_places_in_use_and_is_finished_by_the_next_one(
    place_of: MakePlace, here: str, there: str, step: str
) -> None:
    old, new = place_of(here), place_of(there)
    fill(old)
    before = content(old)

    def die(name: str) -> None:
        if name == step:
            raise KilledError

    with pytest.raises(KilledError):
        move_outbox(old, new, step=die)
    for opened, last in (
        (Outbox, "moved"),
        (lambda place: EventLog(event_log_place(place)), "events moved"),
    ):
        retired = STEPS.index(step) >= STEPS.index(last)
        with pytest.raises(SettingsError, match="was moved to" if retired else "is not complete: it is being moved"):
            opened(old if retired else new)
        if retired and here == "database" and step == last:  # a database cannot show that it was retired
            with pytest.raises(SettingsError, match="is not complete: it is being moved here from") as refused:
                opened(new)
            assert "run the same `intacct outbox move` again" in refused.value.fix
        else:
            opened(new if retired else old).close()
    if "moved" not in step and step != "events copied":
        assert content(old) == before, "the move has not begun"
    assert move_outbox(old, new).entries == 3
    assert content(new) == before
    assert move_outbox(old, new).entries == 3, "and once more, which changes nothing"


PROGRAM = """
import os, signal, sys
from pathlib import Path
from intacct_bridge.load.outbox.move import move_outbox
old, new, step = sys.argv[1:]
move_outbox(Path(old), Path(new), step=lambda name: name == step and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
@pytest.mark.parametrize("step", STEPS)
def test_after_kill_9_writes_go_to_one_of_the_places_and_none_is_lost(place_of: MakePlace, step: str) -> None:
    old, new = place_of("file"), place_of("file")
    fill(old)
    command = [sys.executable, "-c", PROGRAM, str(old), str(new), step]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    written = []
    for place in (old, new):
        with suppress(SettingsError), Outbox(place, clock=lambda: NOW) as outbox:
            assert [one.number for one in outbox.plan([intent("d"), intent("a")])] == [4, 1], "it knows what was posted"
            written.append(place)
    assert written == [new if STEPS.index(step) >= STEPS.index("moved") else old]
    assert move_outbox(old, new).entries == 4
    with Outbox(new, clock=lambda: NOW) as outbox:
        assert [one.identity for one in outbox.entries()] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("here", ["file", "database"])
def test_a_program_that_was_open_before_the_move_writes_nothing_more(
    place_of: MakePlace, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = place_of(here), place_of("file")
    fill(old)
    monkeypatch.setattr("intacct_bridge.shared_state.move._in_use", lambda _: "")
    with Outbox(old, clock=lambda: NOW) as early:
        move_outbox(old, new)
        with pytest.raises(SettingsError, match="was moved to"):
            early.plan([intent("d")])


def test_a_place_into_which_a_move_is_unfinished_takes_no_other_and_is_not_moved_on(place_of: MakePlace) -> None:
    old, other, new = place_of("file"), place_of("file"), place_of("file")
    fill(old)
    fill(other)

    def die(name: str) -> None:
        if name == "copied":
            raise KilledError

    with pytest.raises(KilledError):
        move_outbox(old, new, step=die)
    for source, target in ((other, new), (new, place_of("file")), (new, old)):
        with pytest.raises(SettingsError, match="is not complete: it is being moved here from"):
            move_outbox(source, target)
    assert move_outbox(old, new).entries == 3


@pytest.mark.parametrize("there", ["file", "database"])
def test_a_refused_move_leaves_both_places_usable(place_of: MakePlace, there: str) -> None:
    old, new = place_of("file"), place_of(there)
    fill(old)
    before = content(old)
    with Outbox(new), pytest.raises(SettingsError, match="is in use: 1 process"):  # it would post beside the copy
        move_outbox(old, new)
    assert content(old) == before
    with closing(EventLog(event_log_place(new))) as log:
        log.begin_run("own", "demo-company", "{}")
    with pytest.raises(SettingsError, match="has the event log of its own"):
        move_outbox(old, new)
    assert content(old) == before
    with Outbox(new, clock=lambda: NOW) as outbox:
        assert len(outbox.plan([intent("d")])) == 1


@pytest.mark.parametrize(("here", "there"), MOVES)
def test_an_outbox_whose_new_place_was_lost_is_not_copied_again(place_of: MakePlace, here: str, there: str) -> None:
    # what was posted from the new place is not in the old one, and would be posted twice
    old, new = place_of(here), place_of(there)
    fill(old)
    move_outbox(old, new)
    if isinstance(new, Path):
        new.unlink()
    else:
        lost = PostgresDatabase(new, tables())
        lost.execute(f'DROP SCHEMA "{new.schema}" CASCADE')
        lost.close()
    with pytest.raises(SettingsError, match="which does not hold it any more") as refused:
        move_outbox(old, new)
    assert "from its backup" in refused.value.fix
    for place in (old, new):
        with pytest.raises(SettingsError, match=r"was moved to|is not complete"):
            Outbox(place)


@pytest.mark.parametrize(("here", "there"), MOVES)
def test_it_moves_back_into_the_place_that_it_came_from(place_of: MakePlace, here: str, there: str) -> None:
    old, new = place_of(here), place_of(there)
    fill(old)
    move_outbox(old, new)
    with Outbox(new, clock=lambda: NOW) as outbox:
        outbox.plan([intent("d")])
    later = content(new)
    assert move_outbox(new, old).entries == 4
    assert content(old) == later
    with pytest.raises(SettingsError, match="was moved to"):
        Outbox(new)


@pytest.mark.parametrize("here", ["file", "database"])
def test_it_is_refused_while_a_loader_runs_and_while_a_request_is_on_its_way(place_of: MakePlace, here: str) -> None:
    old, new = place_of(here), place_of("database")
    fill(old, in_flight=True)
    with Outbox(old) as running:
        with pytest.raises(SettingsError, match="1 process at work with it"):
            move_outbox(old, new)
        assert running.entry(1).status is RecordStatus.APPLIED
        running.plan([intent("d")])  # it is not disturbed
    if here == "file":
        assert move_outbox(old, new).entries == 4, "the lock proves that the loader has ended: its entry is in doubt"
        return
    with pytest.raises(SettingsError, match="the outcome of 1 request is not known yet"):
        move_outbox(old, new)
    with Outbox(old, clock=lambda: NOW + SEND_WITHIN + LONGEST_REQUEST + timedelta(seconds=1)) as outbox:
        assert len(outbox.recover()) == 1
    assert move_outbox(old, new).entries == 4


@pytest.mark.parametrize("here", ["file", "database"])
def test_it_is_refused_while_a_watch_runs_and_goes_on_after_it(place_of: MakePlace, here: str) -> None:
    old, new = place_of(here), place_of("file" if here == "database" else "database")
    fill(old)
    with closing(EventLog(event_log_place(old))) as log, log.exclusively("w"):
        with pytest.raises(SettingsError, match="cannot be moved now"):
            move_outbox(old, new)
        assert len(log.after("w", 0, 10)) == 2
    move_outbox(old, new)
    with closing(EventLog(event_log_place(new))) as log:
        assert len(log.after("w", 0, 10)) == 2


def test_a_place_with_an_outbox_of_its_own_is_refused_and_nothing_has_changed(place_of: MakePlace) -> None:
    old, new = place_of("file"), place_of("database")
    fill(old)
    fill(new)
    before = content(old), content(new)
    with pytest.raises(SettingsError, match="has the outbox of its own"):
        move_outbox(old, new)
    assert (content(old), content(new)) == before


def test_other_mistakes(place_of: MakePlace) -> None:
    old, new = place_of("file"), place_of("file")
    with pytest.raises(SettingsError, match="there is no outbox"):
        move_outbox(old, new)
    fill(old)
    with pytest.raises(SettingsError, match="already"):
        move_outbox(old, old)
    move_outbox(old, new)
    with pytest.raises(SettingsError, match="was moved to"):
        move_outbox(old, place_of("database"))
