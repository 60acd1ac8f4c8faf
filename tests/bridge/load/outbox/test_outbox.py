"""The outbox: durable before bytes leave, one loader an identity, no way from doubt back to sending but by settling."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.outbox.entry import OutboxEntry, Resolution, ResolutionKind, Total, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox, system_clock
from intacct_bridge.load.outbox.storage import (
    default_path,
    digest_of,
    outbox_place,
    place_of,
)
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Receipt, WriteOperation
from intacct_bridge.shared_state.database import LONGEST_REQUEST, SEND_WITHIN
from intacct_bridge.shared_state.place import Place, PostgresPlace
from intacct_protocol.errors import BusyError, Fault, SettingsError
from intacct_protocol.xml.values import Value
from support.shared_state.cutting_proxy import AFTER, CuttingProxy

PLACE = WriteTarget("demo-company", "", WriteOperation.CREATE, "GLBATCH")
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def intent(identity: str = "a", digest: str = "1") -> OutboxEntry:
    return new_entry(
        PLACE,
        identity,
        digest,
        f"<create>{digest}</create>",
        {"REFERENCENO": identity},
        label=identity,
        position="f.csv:2",
        tracked={"memo": "m"},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.sqlite3"


@pytest.fixture
def outbox(place: Place) -> Iterator[Outbox]:
    with Outbox(place, clock=lambda: NOW, user="me") as opened:
        yield opened


@pytest.fixture
def file_outbox(path: Path) -> Iterator[Outbox]:
    with Outbox(path, clock=lambda: NOW, user="me") as opened:
        yield opened


def later(place: Place) -> Outbox:
    """Another loader, after the time for which a request may go on: a database cannot tell how a loader ended."""
    wait = timedelta() if isinstance(place, Path) else SEND_WITHIN + LONGEST_REQUEST + timedelta(seconds=1)
    return Outbox(place, clock=lambda: NOW + wait, user="me")


def test_the_company_is_asked_for_its_time_while_the_outbox_is_free(path: Path) -> None:
    """The first question signs in, which takes time: another loader can write meanwhile."""
    asked: list[datetime] = []

    def clock() -> datetime:
        if not asked:
            with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
        asked.append(NOW)
        return NOW

    with Outbox(path) as outbox:
        assert outbox.begin_run("me", clock) == []
        assert asked == [], "without lost loaders no time is needed"
        outbox.begin(outbox.plan([intent()]))
    asked.clear()
    with Outbox(path) as another:
        assert [one.status for one in another.begin_run("me", clock)] == [RecordStatus.IN_DOUBT]
    assert asked


def test_the_company_tells_the_time_of_a_file_and_the_server_that_of_a_database(place: Place) -> None:
    """Loaders on several machines agree on the time of one server, whatever the companies' clocks say."""
    with Outbox(place, run="run-1") as outbox:
        assert (outbox.clock is system_clock) == isinstance(place, Path), "until a run begins"
        outbox.begin_run("clerk", lambda: NOW + timedelta(days=10_000))
        (entry,) = outbox.plan([intent()])
    assert (entry.user, entry.loader) == ("clerk", "run-1")
    assert (entry.planned_at == NOW + timedelta(days=10_000)) == isinstance(place, Path)


def sent(outbox: Outbox, *intents: OutboxEntry) -> list[OutboxEntry]:
    return outbox.begin(outbox.plan(intents or [intent()]))


def test_an_entry_passes_from_planned_to_sent_to_applied_and_leaves_a_history(outbox: Outbox) -> None:
    (planned,) = outbox.plan([intent()])
    assert (planned.status, planned.attempt, planned.tracked, planned.user) == (
        RecordStatus.PLANNED,
        1,
        {"memo": "m"},
        "me",
    )
    (begun,) = outbox.begin([planned])
    assert (begun.status, begun.sent_at, begun.control_id) == (RecordStatus.SENT, NOW, planned.control_id)
    (done,) = outbox.conclude([begun.ended(RecordStatus.APPLIED, Receipt("42", "GJ-7"))])
    assert (done.status, done.receipt) == (RecordStatus.APPLIED, Receipt("42", "GJ-7"))
    assert [event.status for event in outbox.history(done)] == ["planned", "sent", "applied"]
    assert outbox.claimed("demo-company", "GLBATCH", ["41", "42"]) == {"42"}
    assert [tuple(row) for row in outbox._db.read("SELECT entry FROM content")] == [(done.number,)]


def test_another_connection_sees_a_sent_entry_before_begin_returns(file_outbox: Outbox, path: Path) -> None:
    sent(file_outbox)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT status FROM entry").fetchall() == [("sent",)]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("state", [RecordStatus.SENT, RecordStatus.APPLIED, RecordStatus.IN_DOUBT])
def test_an_entry_that_may_have_been_applied_is_never_planned_or_begun_again(
    outbox: Outbox, state: RecordStatus
) -> None:
    (begun,) = sent(outbox)
    if state is not RecordStatus.SENT:
        outbox.conclude([begun.ended(state)])
    for again in (intent(), intent(digest="2")):
        (entry,) = outbox.plan([again])
        assert (entry.status, entry.digest, entry.control_id) == (state, "1", begun.control_id)
        assert outbox.begin([entry]) == []


@pytest.mark.parametrize(
    ("state", "attempt"), [(RecordStatus.NOT_SENT, 1), (RecordStatus.REJECTED, 2), (RecordStatus.ABORTED, 2)]
)  # fmt: skip
def test_the_attempt_rises_only_after_an_answer_that_proves_nothing_was_applied(
    outbox: Outbox, state: RecordStatus, attempt: int
) -> None:
    (first,) = sent(outbox)
    outbox.conclude([first.ended(state, faults=(Fault("BL01"),))])
    assert outbox.entry(first.number).faults == (Fault("BL01"),)
    (second,) = sent(outbox)
    assert second.attempt == attempt
    assert (second.control_id == first.control_id) == (attempt == 1)
    assert second.faults == ()


def test_corrected_content_is_a_new_attempt_under_a_new_control_id(outbox: Outbox) -> None:
    (first,) = sent(outbox)
    outbox.conclude([first.ended(RecordStatus.NOT_SENT)])
    (second,) = sent(outbox, intent(digest="2"))
    assert (second.attempt, second.digest) == (2, "2")
    assert second.control_id != first.control_id
    kept = outbox.entry(second.number)  # what a later run sends
    assert (kept.body, kept.request_digest) == ("<create>2</create>", digest_of("<create>2</create>"))


def test_a_stale_plan_cannot_begin(outbox: Outbox, place: Place) -> None:
    (mine,) = outbox.plan([intent()])
    with Outbox(place) as other:
        other.plan([intent(digest="2")])
    assert outbox.begin([mine]) == []


def test_a_loader_sends_only_the_function_that_the_outbox_has(outbox: Outbox, place: Place) -> None:
    """Another loader of the same input makes another function of one record: a name in it means another id by now."""
    mine = outbox.plan([intent("a"), intent("b"), intent("c")])
    with Outbox(place) as other:
        theirs = other.plan([replace(intent("a"), body="<create>other</create>"), intent("b")])
        assert [one.identity for one in outbox.begin(mine)] == ["b", "c"]
        assert [one.identity for one in other.begin(theirs)] == ["a"]
    assert [one.body for one in outbox.entries()] == [
        "<create>other</create>",
        "<create>1</create>",
        "<create>1</create>",
    ]


def test_entries_of_a_transaction_are_known_as_one_batch_until_they_are_sent_otherwise(place: Place) -> None:
    with Outbox(place, clock=lambda: NOW) as outbox:
        first = outbox.begin(outbox.plan([intent("a"), intent("b"), intent("c")]), together=True)
        (alone,) = outbox.begin(outbox.plan([intent("d")]), together=True)
        known = outbox.batches([*first, alone])
        assert [*known] == [one.number for one in first]
        (batch,) = set(known.values())
        assert [one.identity for one in outbox.of_batch(batch)] == ["a", "b", "c"]
        outbox.conclude([one.ended(RecordStatus.NOT_SENT) for one in first])
        again = outbox.plan([intent("a"), intent("b")])
        outbox.begin(again[:1])
        outbox.begin(again[1:])
        assert [one.identity for one in outbox.of_batch(batch)] == ["c"]
    with later(place) as outbox:
        assert {one.identity for one in outbox.recover()} == {"a", "b", "d"}
        assert [one.identity for one in outbox.of_batch(batch)] == ["c"]


def test_of_two_loaders_one_gets_an_identity(place: Place) -> None:
    identities = [intent(str(number)) for number in range(300)]

    def load(_: int) -> list[int]:
        with Outbox(place) as loader:
            got: list[int] = []
            for entry in loader.plan(identities):
                got += [taken.number for taken in loader.begin([entry])]
                loader.conclude([entry.ended(RecordStatus.APPLIED)])
            return got

    with ThreadPoolExecutor(4) as pool:
        taken = [number for numbers in pool.map(load, range(4)) for number in numbers]
    assert sorted(taken) == sorted(set(taken))
    assert len(taken) == 300


def test_many_loaders_may_open_a_new_outbox_at_once(tmp_path: Path) -> None:
    for number in range(40):
        path, together = tmp_path / f"{number}.sqlite3", threading.Barrier(8, timeout=60)

        def opened(_: int, path: Path = path, together: threading.Barrier = together) -> int:
            together.wait()
            with Outbox(path) as loader:
                return sum(1 for _ in loader.entries())

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(opened, range(8))) == [0] * 8


def test_an_ended_loader_leaves_entries_in_doubt_and_a_running_one_does_not(place: Place, outbox: Outbox) -> None:
    other = Outbox(place, clock=lambda: NOW)
    (begun,) = sent(other)
    assert outbox.recover() == []
    assert outbox.is_running(begun.loader)
    with later(place) as patient:
        assert patient.recover() == [], "a loader that runs has its entries for as long as it runs"
        other.close()
        while outbox.is_running(begun.loader):
            pass  # the server takes a moment to notice
        (doubtful,) = patient.recover()
    assert doubtful.status is RecordStatus.IN_DOUBT
    assert outbox.recover() == []


def test_a_database_cannot_tell_how_a_loader_ended_so_others_wait_for_its_request(postgres_place: Place) -> None:
    """Its session may be lost while its process lives, and the gateway may still be at work for it."""
    with Outbox(postgres_place, clock=lambda: NOW) as other:
        (begun,) = sent(other)
    for minutes, found in ((0, 0), (15, 0), (16, 0), (16.1, 1)):  # a minute to send, fifteen for the longest request
        with Outbox(postgres_place, clock=lambda: NOW + timedelta(minutes=minutes)) as outbox:  # noqa: B023
            assert len(outbox.recover()) == found, minutes
    with Outbox(postgres_place, clock=lambda: NOW + timedelta(hours=1)) as outbox:
        assert outbox.entry(begun.number).status is RecordStatus.IN_DOUBT


def test_bytes_that_are_late_leave_only_while_the_entry_is_still_the_loaders_own(postgres_place: Place) -> None:
    now = [NOW]
    with Outbox(postgres_place, clock=lambda: now[0]) as slow, Outbox(postgres_place, clock=lambda: now[0]) as other:
        begun = sent(slow)
        now[0] += timedelta(minutes=10)
        slow.note_sending(begun)  # nobody has taken it: the deadline starts again
        assert slow.entry(1).last_sent_at == now[0]
        slow._db.release(slow.loader)  # its session is lost, its process is not
        now[0] += timedelta(minutes=17)
        assert [one.number for one in other.recover()] == [1]
        with pytest.raises(BusyError, match="not sent in time"):
            slow.note_sending(begun)
        slow._db.hold(slow.loader)


def test_entries_that_were_taken_while_the_connection_was_lost_are_not_sent(
    postgres_server: str, postgres_place: PostgresPlace
) -> None:
    """The commit of `sent` was done and its answer lost; before the connection is there again, they are in doubt."""
    cut, found = list[str](), list[OutboxEntry]()

    def decide(request: bytes) -> str:
        if not cut and b"COMMIT" in request:
            cut.append(AFTER)
            return AFTER
        while cut and len(found) < taken:
            mine = (one for one in other.recover() if one.identity in ("2a", "2b"))
            found.extend(mine)  # the server takes a moment to notice
        return ""

    with CuttingProxy(postgres_server) as proxy, later(postgres_place) as other:
        through = PostgresPlace(proxy.uri, postgres_place.schema)
        for taken in (0, 2):
            with Outbox(through, clock=lambda: NOW) as slow:
                planned = slow.plan([intent(f"{taken}a"), intent(f"{taken}b")])
                proxy.decide = decide
                begun = slow.begin(planned)
                proxy.decide = lambda _: ""
                assert [one.identity for one in begun] == ([] if taken else ["0a", "0b"])
                cut.clear()


def test_only_the_loader_that_sent_an_entry_has_it(outbox: Outbox, place: Place) -> None:
    (mine,) = sent(outbox)
    with Outbox(place, clock=lambda: NOW) as other:
        assert (outbox._ours([mine]), other._ours([mine])) == ([mine], [])


def test_a_killed_process_leaves_entries_in_doubt(place: Place) -> None:
    named = place if isinstance(place, Path) else (place.uri, place.schema)
    script = f"""
import os, signal, sys
from datetime import datetime, timezone
from pathlib import Path, PosixPath
from intacct_bridge.load.outbox.equal_counts import EqualCount, StreamSource
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.outbox.entry import WriteTarget, new_entry
from intacct_bridge.load.records.write import WriteOperation
from intacct_bridge.shared_state.place import PostgresPlace
place = {named!r}
place = PostgresPlace(*place) if isinstance(place, tuple) else place
outbox = Outbox(place, clock=lambda: datetime.fromisoformat({NOW.isoformat()!r}))
place = WriteTarget("demo-company", "", WriteOperation.CREATE, "GLBATCH")
outbox.begin(outbox.plan([new_entry(place, "a", "1", "<create/>")]))
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], check=False, env=environment, stderr=subprocess.PIPE)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with later(place) as outbox:
        found: list[OutboxEntry] = []
        while not found:  # the server takes a moment to notice
            found = outbox.recover()
    assert [(one.identity, one.status) for one in found] == [("a", RecordStatus.IN_DOUBT)]


def test_settling_or_a_resend_under_the_same_control_id_ends_doubt(outbox: Outbox) -> None:
    (begun,) = sent(outbox)
    (doubtful,) = outbox.conclude([begun.ended(RecordStatus.IN_DOUBT)])
    assert outbox.begin([doubtful]) == []
    (again,) = outbox.resume([doubtful])
    assert (again.control_id, again.attempt, again.status) == (begun.control_id, 1, RecordStatus.SENT)
    assert outbox.resume([doubtful]) == [], "another loader cannot take it too"


def test_a_loader_with_an_outdated_entry_can_neither_resend_nor_conclude_it(place: Place, outbox: Outbox) -> None:
    """Its look is older than the second sending, which may be on its way: what it did not find may yet come."""
    (begun,) = sent(outbox)
    (doubtful,) = outbox.conclude([begun.ended(RecordStatus.IN_DOUBT)])
    with Outbox(place) as other:
        (again,) = other.resume([doubtful])
        assert other.conclude([again.ended(RecordStatus.IN_DOUBT)])
    assert outbox.resume([doubtful]) == []
    assert outbox.conclude([begun.ended(RecordStatus.NOT_SENT), doubtful.ended(RecordStatus.REJECTED)]) == []
    assert [(one.status, one.sendings) for one in outbox.entries()] == [(RecordStatus.IN_DOUBT, 2)]


def test_the_time_to_settle_counts_from_when_the_bytes_leave(place: Place) -> None:
    now = [NOW]
    with Outbox(place, clock=lambda: now[0]) as outbox:
        begun = sent(outbox)
        outbox.note_sending(begun)
        now[0] += timedelta(minutes=9)  # the company asked for patience, or the line was full
        outbox.note_sending(begun)
        (entry,) = outbox.entries()
        assert (entry.sent_at, entry.last_sent_at) == (NOW, now[0])


def test_an_outcome_that_is_known_does_not_change(outbox: Outbox) -> None:
    (begun,) = sent(outbox)
    outbox.conclude([begun.ended(RecordStatus.APPLIED, Receipt("7"))])
    assert outbox.conclude([begun.ended(RecordStatus.NOT_SENT)]) == []
    assert (outbox.entry(1).status, outbox.entry(1).receipt) == (RecordStatus.APPLIED, Receipt("7"))


def test_the_company_s_answer_counts_though_another_entry_names_its_record(outbox: Outbox) -> None:
    """What a search finds must be claimed; what an answer names was written by this entry."""
    ends = [one.ended(RecordStatus.APPLIED, Receipt("7")) for one in sent(outbox, intent("a"), intent("b"))]
    assert [one.status for one in outbox.conclude(ends)] == [RecordStatus.APPLIED] * 2


def test_entries_keep_their_links(outbox: Outbox) -> None:
    one, other = sent(outbox, intent("a"), intent("b"))
    outbox.keep_urls({one.number: "https://example.com/7"})
    assert (outbox.entry(one.number).url, outbox.entry(other.number).url) == ("https://example.com/7", "")


def test_of_two_entries_one_gets_the_record_that_was_found(outbox: Outbox) -> None:
    doubtful = outbox.conclude([one.ended(RecordStatus.IN_DOUBT) for one in sent(outbox, intent("a"), intent("b"))])
    found = [one.ended(RecordStatus.APPLIED, Receipt("42")) for one in doubtful]
    assert [one.identity for one in outbox.conclude(found, claim=True)] == ["a"]


def test_a_new_write_in_the_place_of_a_refused_undo_takes_nothing_back(place: Place) -> None:
    with Outbox(place, clock=lambda: NOW) as outbox:
        (posted,) = sent(outbox, intent("a"))
        outbox.conclude([posted.ended(RecordStatus.APPLIED, Receipt("7"))])
        (undo,) = sent(outbox, replace(intent("b"), undoes=posted.number))
        outbox.conclude([undo.ended(RecordStatus.REJECTED)])
        (other,) = sent(outbox, intent("b", digest="another"))
        assert other.number == undo.number
    with later(place) as outbox:
        (doubtful,) = outbox.recover()
        outbox.conclude([doubtful.ended(RecordStatus.APPLIED, Receipt("8"))])
        assert [one.status for one in outbox.entries()] == [RecordStatus.APPLIED] * 2


def test_an_entry_has_the_earlier_values_of_its_last_plan_only(outbox: Outbox) -> None:
    known: dict[str, Value] = {"NAME": "old"}
    (entry,) = outbox.plan([replace(intent(), earlier=known)])
    assert outbox.replaced_values(entry) == known
    outbox.plan([replace(intent(digest="other"), earlier=None)])
    assert outbox.replaced_values(entry) is None
    (entry,) = outbox.begin(outbox.plan([replace(intent(), earlier=known)]))
    outbox.plan([intent()])  # while it is on its way, another loader plans it
    assert outbox.replaced_values(entry) == known


def test_one_call_may_plan_an_identity_twice(outbox: Outbox) -> None:
    entries = outbox.plan([intent(), intent(), intent("b")])
    assert [one.number for one in entries] == [1, 1, 2]
    assert [one.number for one in outbox.begin(entries)] == [1, 2]


def test_another_loaders_sent_entry_cannot_be_concluded(place: Place, outbox: Outbox) -> None:
    with Outbox(place) as other:
        (begun,) = sent(other)
        assert outbox.conclude([begun.ended(RecordStatus.REJECTED)]) == []


def test_an_update_may_be_repeated_once_applied_and_keeps_its_own_control_ids(outbox: Outbox) -> None:
    numbers, controls = set(), set()
    update = replace(PLACE, operation=WriteOperation.UPDATE)
    for digest in "121":
        (begun,) = sent(outbox, replace(intent(digest=digest), target=update))
        outbox.conclude([begun.ended(RecordStatus.APPLIED)])
        numbers.add(begun.number)
        controls.add(begun.control_id)
    assert len(numbers) == len(controls) == 3
    assert outbox.latest([(update, "a")])[update, "a"].generation == 2


def test_entries_are_found_by_state_object_and_company(outbox: Outbox) -> None:
    (first, _) = sent(outbox, intent("a"), intent("b"))
    outbox.conclude([first.ended(RecordStatus.APPLIED)])
    outbox.plan([replace(intent("c"), target=replace(PLACE, company="other"))])
    assert [entry.identity for entry in outbox.entries()] == ["a", "b", "c"]
    assert [entry.identity for entry in outbox.entries(company="demo-company", statuses=[RecordStatus.SENT])] == ["b"]
    assert [entry.identity for entry in outbox.entries(object="VENDOR")] == []


def test_a_newer_schema_and_a_file_of_another_kind_are_refused(path: Path, tmp_path: Path) -> None:
    Outbox(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(SettingsError, match="newer version"):
        Outbox(path)
    other = tmp_path / "note.txt"
    other.write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(SettingsError, match="cannot be used"):
        Outbox(other)


def test_only_the_owner_can_read_the_file(file_outbox: Outbox, path: Path) -> None:
    assert file_outbox.path == path
    file_outbox.plan([intent()])
    for name in (path.name, f"{path.name}-wal"):
        assert path.with_name(name).stat().st_mode & 0o077 == 0


def test_a_connection_names_its_outbox_or_shares_its_companys() -> None:
    def path(**more: str) -> Place:
        login = {"user_id": "u", "user_password": "p", "sender_id": "s", "sender_password": "q"}
        return outbox_place(Connection(company_id="acme", **login, **more))  # type: ignore[arg-type]

    assert path(outbox="sqlite:///x/y.sqlite3") == Path("/x/y.sqlite3")
    assert path(name="one") == path(name="two", location_id="100")
    assert path(client_id="c") != path()
    assert path(endpoint="http://127.0.0.1:8000/") != path()


def test_each_company_and_each_foreign_endpoint_has_its_own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    real = default_path("Acme", "https://api.intacct.com/ia/xml/xmlgw.phtml")
    assert real == Path("/state/intacct-bridge/outbox/acme.sqlite3")
    assert default_path("Acme", "http://127.0.0.1:8000/") != real
    assert default_path("../a/b").parent == real.parent
    assert place_of("sqlite:///x/y.sqlite3") == Path("/x/y.sqlite3")
    assert place_of("x.sqlite3") == Path("x.sqlite3")
    with pytest.raises(SettingsError, match="mysql"):
        place_of("mysql://host/db")


def test_each_company_and_each_foreign_endpoint_has_its_own_schema_unless_the_uri_names_one() -> None:
    def schema(uri: str, company: str, endpoint: str = "") -> str:
        place = place_of(uri, company, endpoint)
        assert isinstance(place, PostgresPlace)
        return place.schema

    uri = "postgresql://anna:pa%40ss@db.example/shared"
    names = [schema(uri, "Acme"), schema(uri, "acme-"), schema(uri, "Acme", "http://127.0.0.1:8000/")]
    assert len(set(names)) == 3
    assert all(re.fullmatch("intacct_acme_[0-9a-z_]+", name) for name in names)
    assert schema(uri, "ACME") == names[0]
    assert schema(f"{uri}?schema=ledger", "Acme") == "ledger"


def decided(kind: ResolutionKind, record: str = "") -> Resolution:
    return Resolution(kind, "Ada", "seen in Intacct", record)


def in_doubt(outbox: Outbox, *intents: OutboxEntry) -> list[OutboxEntry]:
    return outbox.conclude(one.ended(RecordStatus.IN_DOUBT) for one in sent(outbox, *intents))


def test_a_person_resolves_an_entry_as_posted_and_the_outbox_keeps_who_and_why(outbox: Outbox) -> None:
    (entry,) = in_doubt(outbox)
    done = outbox.decide(entry.number, decided(ResolutionKind.POSTED_AS, "7295"))
    assert (done.status, done.receipt) == (RecordStatus.APPLIED, Receipt("7295"))
    (kept,) = outbox.decisions(done)
    assert kept.to_dict() == {
        "at": "2026-11-30T12:00:00.000000+00:00",
        "person": "Ada",
        "decision": "posted as",
        "record": "7295",
        "reason": "seen in Intacct",
    }
    assert outbox.history(done)[-1].note == "posted as 7295, says Ada: seen in Intacct"
    assert outbox.plan([intent()]) == [done], "it counts as posted"


def test_one_record_is_the_receipt_of_one_entry_only(outbox: Outbox) -> None:
    first, second = in_doubt(outbox, intent("a"), intent("b"))
    outbox.decide(first.number, decided(ResolutionKind.POSTED_AS, "7"))
    with pytest.raises(SettingsError, match="7 is the receipt of another entry"):
        outbox.decide(second.number, decided(ResolutionKind.POSTED_AS, "7"))
    assert outbox.entry(second.number).status is RecordStatus.IN_DOUBT
    outbox.decide(first.number, decided(ResolutionKind.FORGOTTEN))
    assert outbox.decide(second.number, decided(ResolutionKind.POSTED_AS, "7")).receipt == Receipt("7")


def test_an_entry_resolved_as_not_posted_is_sent_again_under_its_control_id(outbox: Outbox) -> None:
    (entry,) = in_doubt(outbox)
    outbox.decide(entry.number, decided(ResolutionKind.NOT_POSTED))
    (again,) = sent(outbox)
    assert (again.control_id, again.status) == (entry.control_id, RecordStatus.SENT)


def test_a_forgotten_record_is_posted_again_under_another_control_id(outbox: Outbox) -> None:
    (begun,) = sent(outbox)
    (done,) = outbox.conclude([begun.ended(RecordStatus.APPLIED, Receipt("42"))])
    forgotten = outbox.decide(done.number, decided(ResolutionKind.FORGOTTEN))
    assert forgotten.status is RecordStatus.RELEASED
    assert [event.record for event in outbox.history(forgotten)] == [None, None, "42", None]
    (new,) = sent(outbox)
    assert new.number != done.number
    assert new.control_id != done.control_id


@pytest.mark.parametrize("kind", [ResolutionKind.POSTED_AS, ResolutionKind.NOT_POSTED])
def test_only_entries_in_doubt_are_resolved_and_only_posted_ones_forgotten(
    outbox: Outbox, kind: ResolutionKind
) -> None:
    (begun,) = sent(outbox)
    with pytest.raises(SettingsError, match="entry 1 is sent, not in_doubt"):
        outbox.decide(begun.number, decided(kind, "7"))
    outbox.conclude([begun.ended(RecordStatus.IN_DOUBT)])
    with pytest.raises(SettingsError, match="entry 1 is in_doubt, not applied"):
        outbox.decide(begun.number, decided(ResolutionKind.FORGOTTEN))
    with pytest.raises(SettingsError, match="no entry 99"):
        outbox.decide(99, decided(kind))


def test_an_entry_keeps_its_totals_and_its_posting_date(outbox: Outbox, place: Place) -> None:
    kept = replace(intent(), totals=(Total("USD", Decimal("12.50")),), posting_date=date(2026, 1, 31), undoes=None)
    planned = outbox.plan([kept, intent("b")])
    with Outbox(place, clock=lambda: NOW) as again:
        first, second = again.entries()
    assert (first.totals, first.posting_date) == (kept.totals, date(2026, 1, 31))
    assert (second.totals, second.posting_date) == ((), None)
    assert [first, second] == planned


def test_the_values_that_an_update_replaces_are_kept_of_each_planning(outbox: Outbox) -> None:
    place = replace(PLACE, operation=WriteOperation.UPDATE)
    seen: dict[str, Value] = {"NAME": "old", "TOTAL": Decimal("1.50"), "DUE": None}
    update = replace(intent(), target=place, earlier=seen)
    unseen = replace(intent("b"), target=place)
    one, other = outbox.plan([update, unseen])
    assert (outbox.replaced_values(one), outbox.replaced_values(other)) == (seen, None)
    (again,) = outbox.plan([replace(update, earlier={"NAME": "newer"})])
    assert (again.number, outbox.replaced_values(again)) == (one.number, {"NAME": "newer"})
    (begun,) = outbox.begin([again])
    outbox.plan([replace(update, earlier={"NAME": "ours"})])  # it may have been applied: those are our own values
    assert outbox.replaced_values(begun) == {"NAME": "newer"}


def test_a_receipt_without_a_record_number_keeps_its_name(outbox: Outbox, place: Place) -> None:
    (begun,) = sent(outbox)
    outbox.conclude([begun.ended(RecordStatus.APPLIED, Receipt("", "GJ-7"))])
    with Outbox(place, clock=lambda: NOW) as again:
        assert again.entry(begun.number).receipt == Receipt("", "GJ-7")


def test_an_applied_undo_releases_what_it_takes_back_and_nothing_else(outbox: Outbox) -> None:
    one, other = sent(outbox, intent("a"), intent("b"))
    outbox.conclude([one.ended(RecordStatus.APPLIED, Receipt("1")), other.ended(RecordStatus.APPLIED, Receipt("2"))])
    (undo,) = sent(outbox, replace(intent("u"), undoes=one.number))
    outbox.conclude([undo.ended(RecordStatus.REJECTED)])
    assert outbox.entry(one.number).status is RecordStatus.APPLIED
    (undo,) = sent(outbox, replace(intent("u"), undoes=one.number))
    outbox.conclude([undo.ended(RecordStatus.APPLIED, Receipt("3"))])
    assert outbox.entry(one.number).status is RecordStatus.RELEASED
    assert outbox.entry(other.number).status is RecordStatus.APPLIED
