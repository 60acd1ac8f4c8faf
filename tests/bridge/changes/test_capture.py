"""Changes become events: what each poll sees, against a model of the company that the test keeps itself."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intacct_bridge.changes import capture
from intacct_bridge.changes.event import ChangeEvent, ChangeKind, EventFilter
from intacct_bridge.changes.event_log import EventLog
from intacct_bridge.changes.watch import BEGINNING, Watch, poll
from intacct_bridge.shared_state.place import Place, PostgresPlace
from intacct_emulator.ledger.seeding import load
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from intacct_protocol.errors import InvalidRequestError, SettingsError
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.query.where import parse_where
from intacct_protocol.xml.xml import Element, element
from support.small_company import Clock, client, company

CREATED, UPDATED, DELETED = ChangeKind


OPENED: list[EventLog] = []


@pytest.fixture(autouse=True)
def _close_logs() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


class Office:
    """A company with departments, and a watch on it."""

    def __init__(self, place: Place, watch: Watch | None = None) -> None:
        self.clock = Clock()
        self.emulator: Emulator = company(self.clock)
        self.log = EventLog(place)
        OPENED.append(self.log)
        self.watch = watch or Watch("w", ("DEPARTMENT",))
        self.seen = 0

    def change(self, function: str, **fields: Any) -> str:
        """Create or update a department; its key."""
        with client(self.emulator) as one:
            row = dict(fields)
            done = one.create("DEPARTMENT", [row]) if function == "create" else one.update("DEPARTMENT", [row])
        assert done[0].status == "success", done
        return done[0].key

    def delete(self, key: str) -> None:
        with client(self.emulator) as one:
            assert one.delete("DEPARTMENT", [key])[0].status == "success"

    def poll(self, watch: Watch | None = None, **forward: float) -> list[ChangeEvent]:
        """Some minutes later, the events of one poll."""
        self.clock.forward(**(forward or {"minutes": 10}))
        chosen = watch or self.watch
        with client(self.emulator) as one:
            done = poll(one, self.log, chosen)
        assert done.sound, done.outcomes
        found = self.log.after(chosen.name, self.seen, 10_000)
        assert len(found) >= done.events  # a killed poll may have added some before
        self.seen = found[-1].number if found else self.seen
        return found


@pytest.fixture
def office(place: Place) -> Iterator[Office]:
    yield Office(place)


def brief(events: list[ChangeEvent]) -> list[tuple[ChangeKind, Any]]:
    return [(one.kind, one.record.get("TITLE")) for one in events]


def test_a_watch_from_now_sends_nothing_that_was_there(office: Office) -> None:
    assert office.poll() == []
    assert office.poll() == []


def test_a_new_a_changed_and_a_deleted_record(office: Office) -> None:
    office.poll()
    key = office.change("create", DEPARTMENTID="X1", TITLE="One")
    assert brief(office.poll()) == [(CREATED, "One")]
    office.change("update", DEPARTMENTID="X1", TITLE="Two")
    (updated,) = office.poll()
    assert (updated.kind, updated.key) == (UPDATED, key)
    assert updated.changed is not None
    assert (updated.changed["TITLE"].old, updated.changed["TITLE"].new) == ("One", "Two")
    office.delete(key)
    (deleted,) = office.poll()
    assert (deleted.kind, deleted.key, deleted.record["TITLE"]) == (DELETED, key, "Two")
    assert office.poll() == []


def test_a_restored_event_log_gives_a_number_again_but_no_id(tmp_path: Path) -> None:
    path, backup = tmp_path / "log.sqlite3", tmp_path / "backup.sqlite3"
    office = Office(path)
    office.poll()
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(backup)) as copy:
        db.backup(copy)
    key = office.change("create", DEPARTMENTID="X1", TITLE="One")
    (lost,) = office.poll()
    office.log.close()
    for file in tmp_path.glob("log.sqlite3*"):
        if file.is_file():
            file.unlink()
    backup.rename(path)
    office.log, office.seen = EventLog(path), 0
    OPENED[:] = [office.log]
    office.change("update", DEPARTMENTID="X1", TITLE="Two")
    (found,) = office.poll()
    assert (found.number, found.key, found.record["TITLE"]) == (lost.number, key, "Two")
    assert found.id != lost.id, "a receiver that knows the first would take this change for a repetition"
    assert office.log.get(found.number).event == found  # type: ignore[union-attr]


def test_a_record_that_was_there_before_is_an_update_whose_old_values_are_not_known(office: Office) -> None:
    office.change("create", DEPARTMENTID="X1", TITLE="One")
    office.clock.forward(days=3)
    office.poll()
    office.change("update", DEPARTMENTID="X1", TITLE="Two")
    (event,) = office.poll()
    assert (event.kind, event.changed) == (UPDATED, None)


def test_a_baseline_knows_the_old_values_of_the_first_change(place: Place) -> None:
    office = Office(place, Watch("w", ("DEPARTMENT",), baseline=True))
    office.change("create", DEPARTMENTID="X1", TITLE="One")
    office.clock.forward(days=3)
    assert office.poll() == []
    office.change("update", DEPARTMENTID="X1", TITLE="Two")
    (event,) = office.poll()
    assert event.changed is not None
    assert event.changed["TITLE"].old == "One"


def test_a_deleted_record_that_was_never_read_is_sent_with_its_key(office: Office) -> None:
    key = office.change("create", DEPARTMENTID="X1", TITLE="One")
    office.clock.forward(days=3)
    office.poll()
    office.delete(key)
    (event,) = office.poll()
    assert event.kind is DELETED
    assert event.key in (key, "DEPARTMENTID=X1")


def test_a_delete_before_the_beginning_is_no_event(office: Office) -> None:
    """The audit history is read from two and a half hours before, since its entries come late."""
    keys = [office.change("create", DEPARTMENTID=name, TITLE="One") for name in ("X1", "99777", "X3")]
    office.clock.forward(days=3)
    office.delete(keys[0])
    office.delete(keys[1])
    office.clock.forward(minutes=20)
    assert office.poll() == []
    assert office.poll() == []
    office.delete(keys[2])
    assert [one.kind for one in office.poll()] == [DELETED]
    assert office.poll() == []


@pytest.mark.parametrize(("receiver", "kinds"), [("load:sister", []), ("jsonl:events", [DELETED])])
def test_a_delete_in_the_second_of_the_beginning(place: Place, receiver: str, kinds: list[ChangeKind]) -> None:
    """It may have come before or after. Only another company would lose a record of its own."""
    office = Office(place, Watch("w", ("DEPARTMENT",), receiver=receiver))
    key = office.change("create", DEPARTMENTID="X1", TITLE="One")
    office.clock.forward(days=3)
    office.poll(seconds=0)
    office.delete(key)
    assert [one.kind for one in office.poll()] == kinds


def test_a_number_in_the_audit_history_is_one_delete(office: Office) -> None:
    """It may be the number of a record or that of an account; no source says which."""
    key = office.change("create", DEPARTMENTID="99777", TITLE="One")
    office.clock.forward(days=3)
    office.poll()
    office.delete(key)
    (event,) = office.poll()
    assert (event.key, event.record) == ("DEPARTMENTID=99777", {"DEPARTMENTID": "99777"})
    assert office.poll() == []


def test_a_number_that_names_a_record_that_was_read_is_its_delete_alone(office: Office) -> None:
    office.poll()
    key = office.change("create", DEPARTMENTID="99777", TITLE="One")
    office.poll()
    office.delete(key)
    (event,) = office.poll()
    assert (event.key, event.record["TITLE"]) == (key, "One")
    assert office.poll() == []
    assert office.poll() == []


def test_records_of_the_second_in_which_a_watch_begins_were_there(office: Office) -> None:
    for number in range(10):
        office.change("create", DEPARTMENTID=f"X{number}", TITLE="One")
    assert office.poll(seconds=0) == []
    later = office.change("create", DEPARTMENTID="LATER", TITLE="One")
    assert [(one.kind, one.key) for one in office.poll()] == [(CREATED, later)]


def test_records_of_the_second_at_which_a_watch_was_told_to_begin_are_sent(place: Place) -> None:
    office = Office(place)
    office.change("create", DEPARTMENTID="X1", TITLE="One")
    begin = office.clock.now.isoformat()
    assert brief(office.poll(Watch("w", ("DEPARTMENT",), begin=begin))) == [(CREATED, "One")]


def test_a_failed_read_under_the_name_of_a_deleted_record_deletes_nothing(office: Office) -> None:
    """A department was created under the name of a deleted one. It must not come as deleted, and as new once more."""
    office.poll()
    old = office.change("create", DEPARTMENTID="X1", TITLE="One")
    office.poll()
    office.delete(old)
    office.change("create", DEPARTMENTID="X1", TITLE="One again")
    office.emulator.fault_plan = FaultPlan(
        (ScriptedFault("fault", function="query", object="DEPARTMENT", calls=tuple(range(2, 40))),)
    )
    office.clock.forward(minutes=10)
    with client(office.emulator) as one:
        assert not poll(one, office.log, office.watch).sound
    office.emulator.fault_plan = FaultPlan()
    assert sorted(brief(office.poll())) == [(CREATED, "One again"), (DELETED, "One")]
    assert office.poll() == []


def test_from_the_beginning_every_record_is_a_new_one_once(place: Place) -> None:
    office = Office(place, Watch("w", ("DEPARTMENT",), begin=BEGINNING))
    events = office.poll()
    assert {one.kind for one in events} == {CREATED}
    assert len({one.key for one in events}) == len(events) > 5
    assert office.poll() == []


def test_several_edits_between_two_polls_are_one_event(office: Office) -> None:
    office.poll()
    office.change("create", DEPARTMENTID="X1", TITLE="One")
    office.clock.forward(minutes=1)
    office.change("update", DEPARTMENTID="X1", TITLE="Two")
    assert brief(office.poll()) == [(CREATED, "Two")]


def test_a_record_that_comes_and_goes_between_two_polls_makes_no_event_with_a_baseline(place: Place) -> None:
    office = Office(place, Watch("w", ("DEPARTMENT",), baseline=True))
    office.poll()
    office.delete(office.change("create", DEPARTMENTID="X1", TITLE="One"))
    assert office.poll() == []


def test_a_customer_without_a_time_of_change_is_seen(place: Place) -> None:
    """`WHENMODIFIED >= ...` alone would lose records that were never modified."""
    office = Office(place, Watch("w", ("CUSTOMER",)))
    office.poll()
    books = office.emulator.company()
    when = office.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    load(books, [("CUSTOMER", {"RECORDNO": "9001", "CUSTOMERID": "Q1", "NAME": "Quiet", "WHENCREATED": when})])
    assert [one.record["CUSTOMERID"] for one in office.poll()] == ["Q1"]


def test_the_interest_of_a_watch(office: Office) -> None:
    title = parse_where("TITLE LIKE 'A%'")
    only = EventFilter(frozenset((UPDATED,)), title, ("title",), ("STATUS",))
    chosen = Watch("other", ("DEPARTMENT",), only)
    office.poll(chosen)
    office.change("create", DEPARTMENTID="X1", TITLE="Alpha")
    assert office.poll(chosen) == []
    office.change("update", DEPARTMENTID="X1", TITLE="Beta", STATUS="inactive")
    assert office.poll(chosen) == []  # its new title does not match
    office.change("update", DEPARTMENTID="X1", TITLE="Alpha")
    assert office.poll(chosen) == []  # the status did not change
    office.change("update", DEPARTMENTID="X1", STATUS="active")
    (event,) = office.poll(chosen)
    assert set(event.record) == {"RECORDNO", "TITLE"}


def test_an_unknown_field_is_refused_before_anything_is_read(office: Office) -> None:
    with pytest.raises(InvalidRequestError, match="DEPARTMENT has no field TITEL; did you mean TITLE"):
        office.poll(Watch("w", ("DEPARTMENT",), EventFilter(changed=("TITEL",))))


def test_another_beginning_begins_the_watch_anew(office: Office) -> None:
    office.poll()
    again = Watch("w", ("DEPARTMENT",), begin=BEGINNING)
    assert len(office.poll(again)) > 5
    assert office.poll(again) == []


def test_a_watch_of_another_company_is_refused(office: Office) -> None:
    office.poll()
    with office.log.transaction() as db:
        db.execute("UPDATE watch SET company = 'another'")
    with pytest.raises(SettingsError, match="company another"):
        office.poll()


# --- lines and postings


def test_a_posted_entry_brings_its_lines_and_its_postings(place: Place) -> None:
    office = Office(place, Watch("w", ("GLBATCH", "GLENTRY", "GLDETAIL"), begin=BEGINNING))
    office.poll()
    _entry(office, state="Posted")
    assert sorted((one.object, str(one.kind)) for one in office.poll()) == [
        ("GLBATCH", "created"), ("GLDETAIL", "created"), ("GLDETAIL", "created"),
        ("GLENTRY", "created"), ("GLENTRY", "created"),
    ]  # fmt: skip
    assert office.poll() == []


def test_a_deleted_draft_takes_its_lines_along(place: Place) -> None:
    office = Office(place, Watch("w", ("GLBATCH", "GLENTRY")))
    office.poll()
    key = _entry(office, state="Draft")
    assert [one.object for one in office.poll()] == ["GLBATCH", "GLENTRY", "GLENTRY"]
    with client(office.emulator) as one:
        assert one.delete("GLBATCH", [key])[0].status == "success"
    gone = office.poll()
    assert sorted(one.object for one in gone) == ["GLBATCH", "GLENTRY", "GLENTRY"]
    assert {one.kind for one in gone} == {DELETED}


def _entry(office: Office, *, state: str) -> str:
    """Create a journal entry of two lines; its key."""
    line = {"ACCOUNTNO": "10050", "TRX_AMOUNT": "10.00", "LOCATION": "100", "DEPARTMENT": "100"}
    lines = [element("GLENTRY", *_cells({**line, "TR_TYPE": side})) for side in ("1", "-1")]
    head = _cells({"JOURNAL": "GJ", "BATCH_DATE": "11/30/2026", "BATCH_TITLE": "A test", "STATE": state})
    with client(office.emulator) as one:
        (result,) = one.call(element("create", element("GLBATCH", *head, element("ENTRIES", *lines))))
        assert result.status == "success", result.faults
        (row,) = one.query(Query("GLBATCH", ("RECORDNO",), page_size=1))
    return str(row["RECORDNO"])


def _cells(values: dict[str, str]) -> list[Element]:
    return [element(name, value) for name, value in values.items()]


# --- against a model

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.integers(0, 5), st.integers(0, 3)),
        st.tuples(st.just("update"), st.integers(0, 5), st.integers(0, 3)),
        st.tuples(st.just("delete"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("poll"), st.sampled_from((1, 20, 200)), st.just(0)),
        st.tuples(st.just("kill"), st.integers(0, 2), st.just(0)),
    ),
    min_size=4,
    max_size=14,
)


@pytest.mark.slow
@given(STEPS, st.booleans())
@settings(max_examples=25)
def test_the_events_lead_to_the_company_as_each_poll_saw_it(steps: list[Any], baseline: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _lead_there(Path(folder) / "events.sqlite3", steps, baseline=baseline)


@given(STEPS, st.booleans())
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_events_lead_there_in_postgresql(
    schemas: Iterator[PostgresPlace], steps: list[Any], baseline: bool
) -> None:
    _lead_there(next(schemas), steps, baseline=baseline)


def _lead_there(place: Place, steps: list[Any], *, baseline: bool) -> None:
    """Whoever applies the events in order has what the company has; a killed poll neither loses nor doubles one."""
    office = Office(place, Watch("w", ("DEPARTMENT",), baseline=baseline))
    office.poll()
    there: dict[int, tuple[str, str]] = {}  # the model: number -> key, title
    mirror: dict[str, str] = {}
    before: dict[str, Any] = {}
    for what, number, text in [*steps, ("poll", 1, 0)]:
        office.clock.forward(seconds=7)
        if what in ("create", "update"):
            verb = "update" if number in there else "create"
            title = f"T{text}"
            key = office.change(verb, DEPARTMENTID=f"D{number}", TITLE=title)
            there[number] = (there[number][0] if number in there else key, title)
        elif what == "delete" and number in there:
            office.delete(there.pop(number)[0])
        elif what == "kill":
            _killed_poll(office, number)
        elif what == "poll":
            office.clock.forward(minutes=number)
            _apply(office.poll(), mirror, before)
            assert mirror == dict(there.values())
    office.log.close()


class _KilledError(Exception):
    """The process ends here."""


def _killed_poll(office: Office, commits: int) -> None:
    """A poll whose process ends after some commits."""
    left, commit = [commits], capture.EventWriter.commit

    def ending(self: Any, bookmark: Any, at: datetime) -> Any:
        if not left[0]:
            raise _KilledError
        left[0] -= 1
        return commit(self, bookmark, at)

    with pytest.MonkeyPatch.context() as patch, client(office.emulator) as one:
        patch.setattr(capture.EventWriter, "commit", ending)
        with suppress(_KilledError):
            poll(one, office.log, office.watch)


def _apply(events: list[ChangeEvent], mirror: dict[str, str], before: dict[str, Any]) -> None:
    for one in events:
        if one.kind is DELETED:
            mirror.pop(one.key, None)
            before.pop(one.key, None)
            continue
        assert (one.kind is CREATED) == (one.key not in mirror), one
        if one.changed is not None:
            for name, change in one.changed.items():
                assert change.old == before[one.key][name]
                assert change.new == one.record[name] != change.old
        mirror[one.key], before[one.key] = str(one.record["TITLE"]), one.record


def test_a_deleted_record_that_was_never_read_is_sent_once_although_no_event_is_kept(office: Office) -> None:
    """Every poll reads the last hours of the audit history again."""
    key = office.change("create", DEPARTMENTID="D1", TITLE="One")
    office.clock.forward(hours=5)
    office.poll()
    office.delete(key)
    (gone,) = office.poll()
    for _ in range(3):
        office.log.delivered([gone.number], office.clock.now)
        office.log.prune("w", office.clock.now)
        assert office.poll() == []
