"""What the outbox answers, reckoned a second time from a list of its entries; and what a second planning changes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.outbox.entry import Approval, OutboxEntry, WriteTarget, new_entry, outcome_word
from intacct_bridge.load.outbox.equal_counts import CoveredStream, EqualCount, StreamPosition, StreamSource
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.outbox.storage import default_path, outbox_place, place_of
from intacct_bridge.load.records.identity import control_id
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Identity, Receipt, WriteOperation
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_protocol.errors import UnreachableError

CREATE, UPDATE, DELETE = WriteOperation.CREATE, WriteOperation.UPDATE, WriteOperation.DELETE
APPLIED, IN_DOUBT, NOT_SENT, PLANNED = (
    RecordStatus.APPLIED, RecordStatus.IN_DOUBT, RecordStatus.NOT_SENT, RecordStatus.PLANNED,
)  # fmt: skip
REJECTED, RELEASED, SENT = RecordStatus.REJECTED, RecordStatus.RELEASED, RecordStatus.SENT
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Now:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Now:
    return Now()


@pytest.fixture
def outbox(tmp_path: Path, clock: Now) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=clock, user="me") as opened:
        yield opened


def intent(identity: str, *, company: str = "acme", operation: WriteOperation = CREATE, name: str = "VENDOR",
           digest: str = "d", undoes: int | None = None, **key: str) -> OutboxEntry:  # fmt: skip
    return new_entry(WriteTarget(company, "", operation, name), identity, digest, "<x/>", key, undoes=undoes)


def ended(outbox: Outbox, one: OutboxEntry, status: RecordStatus = APPLIED, record: str = "") -> OutboxEntry:
    """An entry that came into this status in the ways that there are."""
    (entry,) = outbox.plan([one])
    if status is PLANNED:
        return entry
    (entry,) = outbox.begin([entry])
    if status is SENT:
        return entry
    receipt = Receipt(record) if record else None
    (entry,) = outbox.conclude([entry.ended(APPLIED if status is RELEASED else status, receipt)])
    if status is RELEASED:
        outbox.release(entry, "deleted")
    return outbox.entry(entry.number)


@pytest.mark.parametrize(
    ("status", "attempt", "attempt_of_other", "anew"),
    [
        (PLANNED, 1, 2, False),
        (NOT_SENT, 1, 2, False),  # its bytes did not leave: the same attempt
        (REJECTED, 2, 2, False),  # an answer that nothing was applied: a new attempt
        (RecordStatus.ABORTED, 2, 2, False),
        (RELEASED, 1, 1, True),
        (SENT, 0, 0, False),
        (IN_DOUBT, 0, 0, False),
        (APPLIED, 0, 0, False),
    ],
)
@pytest.mark.parametrize("digest", ["d", "other"])
@pytest.mark.parametrize("repeatable", [False, True])
def test_a_second_planning(
    outbox: Outbox, clock: Now, status: RecordStatus, attempt: int, attempt_of_other: int, anew: bool, digest: str,
    repeatable: bool,
) -> None:  # fmt: skip
    """0 attempts: the entry stays as it is, since it may have been applied."""
    operation = UPDATE if repeatable else CREATE
    first = ended(outbox, intent("a", operation=operation), status)
    clock.time += SECOND
    outbox.user = "you"
    new = replace(intent("a", digest=digest, operation=operation, MEMO="m"), label="new")
    if status is APPLIED:
        assert outbox.plan([new], repeat=False) == [first]
    (again,) = outbox.plan([new])
    wanted = attempt if digest == "d" else attempt_of_other
    if status is APPLIED and repeatable:
        wanted, anew = 1, True
    if not wanted:
        assert again == first
        return
    generation = 1 if anew else 0
    identity = "a#1" if anew else "a"
    assert (again.number == first.number, again.generation, again.attempt) == (not anew, generation, wanted)
    assert again.control_id == control_id(("acme", "", operation, "VENDOR"), identity, wanted)
    assert (again.status, again.digest, again.label, again.user) == (PLANNED, digest, "new", "you")
    assert (again.planned_at, again.changed_at, again.receipt) == (clock.time, clock.time, None)
    kept = (first.sent_at, first.last_sent_at, first.sendings)
    assert (again.sent_at, again.last_sent_at, again.sendings) == ((None, None, 0) if anew else kept)
    assert outbox.entry(again.number) == again
    (begun,) = outbox.begin([again])
    assert (begun.sent_at, begun.last_sent_at, begun.sendings) == (clock.time, clock.time, again.sendings + 1)
    assert outbox.entry(again.number) == begun


def test_a_second_sending_under_its_control_id_keeps_the_time_of_the_first(outbox: Outbox, clock: Now) -> None:
    doubtful = ended(outbox, intent("a"), IN_DOUBT)
    clock.time += SECOND
    (again,) = outbox.resume([doubtful])
    assert (again.sent_at, again.last_sent_at, again.changed_at) == (NOW, clock.time, clock.time)
    assert outbox.entry(again.number) == again
    assert outbox.begin([again]) == outbox.resume([again]) == []


@pytest.mark.parametrize(("waited", "noted"), [(timedelta(milliseconds=999), False), (SECOND, True)])
def test_bytes_that_waited_a_second_leave_later_than_they_were_begun(
    outbox: Outbox, clock: Now, waited: timedelta, noted: bool
) -> None:
    begun, other = ended(outbox, intent("a"), SENT), ended(outbox, intent("b"), SENT)
    clock.time += waited
    outbox.note_sending([begun])
    assert outbox.entry(begun.number).last_sent_at == (clock.time if noted else NOW)
    assert outbox.entry(begun.number).sent_at == NOW
    assert outbox.entry(other.number).last_sent_at == NOW


def test_a_call_takes_any_number_of_records(outbox: Outbox) -> None:
    """Statements have a limit of values."""
    many = [intent(str(number)) for number in range(1201)]
    planned = outbox.plan(many)
    assert [entry.identity for entry in planned] == [one.identity for one in many]
    assert len({entry.number for entry in planned}) == 1201
    assert outbox.begin(planned) == list(outbox.entries(statuses=[SENT]))
    known = outbox.latest((one.target, one.identity) for one in many)
    assert len(known) == 1201
    done = outbox.conclude(e.ended(APPLIED, Receipt(e.identity)) for e in outbox.entries())
    assert [entry.status for entry in done] == [APPLIED] * 1201
    records = [str(number) for number in range(1400)]
    assert outbox.claimed("acme", "VENDOR", records) == {one.identity for one in many}


def test_entries_are_selected_by_company_object_and_status(outbox: Outbox) -> None:
    statuses = (PLANNED, SENT, APPLIED, IN_DOUBT)
    everything = [
        ended(outbox, intent(f"{company} {name} {status}", company=company, name=name), status)
        for company, name, status in product(("acme", "other"), ("VENDOR", "CUSTOMER"), statuses)
    ]
    for company, name, wanted in product((None, "acme", "none"), (None, "VENDOR"), ((), (SENT,), (SENT, APPLIED))):
        expected = [
            entry for entry in everything
            if company in (None, entry.target.company) and name in (None, entry.target.object)
            and (not wanted or entry.status in wanted)
        ]  # fmt: skip
        assert list(outbox.entries(company=company, object=name, statuses=wanted)) == expected


def test_the_latest_entry_of_an_identity_is_that_of_its_last_generation(outbox: Outbox) -> None:
    ended(outbox, intent("a"), RELEASED)
    last = ended(outbox, intent("a"))
    update = ended(outbox, intent("a", operation=UPDATE), IN_DOUBT)
    places = [(one.target, one.identity) for one in (intent("a"), intent("a", operation=UPDATE), intent("b"))]
    assert outbox.latest(places) == {places[0]: last, places[1]: update}


def test_a_record_is_claimed_by_a_receipt_of_its_company_and_object(outbox: Outbox) -> None:
    ended(outbox, intent("key:a"), record="1")
    keyed = replace(intent("content:b"), identities=(Identity("source:b", "source"),))
    ended(outbox, keyed, record="2")
    ended(outbox, intent("key:c", company="other"), record="3")
    ended(outbox, intent("key:d", name="CUSTOMER"), record="4")
    released = ended(outbox, intent("key:e"), RELEASED, record="5")
    ended(outbox, intent("key:f"), RELEASED, record="Order-6")
    records = ["1", "2", "3", "4", "5", "Order-6", "7"]
    assert released.status is RELEASED
    assert outbox.claimed("acme", "VENDOR", records) == {"1", "2", "5"}, "a number is never used again, a name is"
    assert outbox.claimed("acme", "VENDOR", records, by_source=True) == {"2"}
    assert outbox.claimed("acme", "VENDOR", []) == set()


def test_a_record_that_was_found_goes_to_one_entry_of_its_object(outbox: Outbox) -> None:
    ended(outbox, intent("a"), record="1")
    doubtful = ended(outbox, intent("b"), IN_DOUBT)
    elsewhere = ended(outbox, intent("c", name="CUSTOMER"), IN_DOUBT)
    update = ended(outbox, intent("d", operation=UPDATE), IN_DOUBT)
    claims = [one.ended(APPLIED, Receipt("1")) for one in (doubtful, elsewhere, update)]
    assert [one.identity for one in outbox.conclude(claims, claim=True)] == ["c", "d"]
    assert outbox.entry(doubtful.number).status is IN_DOUBT
    unnumbered = doubtful.ended(APPLIED)
    assert [one.identity for one in outbox.conclude([unnumbered], claim=True)] == ["b"]


def test_what_was_taken_back_and_what_took_it_back(outbox: Outbox) -> None:
    posted, other = ended(outbox, intent("a"), record="1"), ended(outbox, intent("b"), record="2")
    assert outbox.taken_back("acme", "VENDOR", ["1", "2", "3"]) == set()
    ended(outbox, intent("u", undoes=posted.number), record="3")
    assert outbox.taken_back("acme", "VENDOR", ["1", "2", "3"]) == {"1", "3"}
    assert outbox.taken_back("other", "VENDOR", ["1", "3"]) == set()
    assert (outbox.entry(posted.number).status, outbox.entry(other.number).status) == (RELEASED, APPLIED)
    assert outbox.entry(posted.number).note == "taken back by entry 3"


def test_later_writes_of_a_record_oldest_first(outbox: Outbox) -> None:
    ended(outbox, intent("a"), record="1")
    updates = [ended(outbox, intent(f"u{at}", operation=UPDATE), record="1") for at in range(2)]
    ended(outbox, intent("u3", operation=UPDATE), IN_DOUBT)
    other = ended(outbox, intent("u4", operation=UPDATE), record="2")
    assert outbox.later_writes("acme", "VENDOR", UPDATE, ["1", "2", "3"]) == {"1": updates, "2": [other]}
    assert outbox.later_writes("acme", "VENDOR", UPDATE, ["3"]) == {}
    assert outbox.later_writes("acme", "VENDOR", DELETE, ["1"]) == {}


def test_a_delete_of_ours_ends_the_receipt_of_its_record(outbox: Outbox) -> None:
    posted, other = ended(outbox, intent("a"), record="1"), ended(outbox, intent("b"), record="2")
    elsewhere = ended(outbox, intent("c", name="CUSTOMER"), record="1")
    ended(outbox, intent("d0", operation=DELETE), REJECTED)
    ended(outbox, intent("d1", operation=DELETE))  # without a record
    assert [one.status for one in outbox.entries(statuses=[RELEASED])] == []
    ended(outbox, intent("u", operation=UPDATE), record="1")
    assert outbox.entry(posted.number).status is APPLIED
    delete = ended(outbox, intent("d2", operation=DELETE), record="1")
    assert outbox.entry(posted.number).note == f"deleted by entry {delete.number}"
    statuses = [outbox.entry(one.number).status for one in (posted, other, elsewhere, delete)]
    assert statuses == [RELEASED, APPLIED, APPLIED, APPLIED]


def test_an_example_is_the_newest_record_of_ours_with_a_value_for_the_field(outbox: Outbox) -> None:
    assert outbox.example("acme", "VENDOR", "EXTERNALID") is None
    ended(outbox, intent("a", EXTERNALID="x"), record="1")
    newest = ended(outbox, intent("b", EXTERNALID="y"), record="2")
    ended(outbox, intent("c", VENDORID="EXTERNALID"), record="3")
    ended(outbox, intent("d", EXTERNALID="z"), IN_DOUBT)
    ended(outbox, intent("e", EXTERNALID="z"))
    assert outbox.example("acme", "VENDOR", "EXTERNALID") == newest
    assert outbox.example("acme", "CUSTOMER", "EXTERNALID") is None


def test_what_was_applied_since_an_event(outbox: Outbox, clock: Now) -> None:
    before = ended(outbox, intent("a"), record="1")
    event = len(outbox.history(before))
    after = ended(outbox, intent("b"), record="2")
    ended(outbox, intent("c"))
    ended(outbox, intent("e"), RELEASED, record="5")  # applied, and released since
    ended(outbox, intent("f"), IN_DOUBT)
    asked = [(after.target, identity, digest) for identity, digest in
             (("a", "d"), ("b", "d"), ("b", "other"), ("c", "d"), ("e", "d"), ("f", "d"), ("g", "d"))]  # fmt: skip
    found = outbox.applied_since(event, asked)
    assert found == [None, (Receipt("2"), NOW), None, (Receipt(), NOW), (Receipt("5"), NOW), None, None]
    assert outbox.applied_since(0, asked[:1]) == [(Receipt("1"), NOW)]


def test_a_conclusion_in_the_same_status_keeps_its_time(outbox: Outbox, clock: Now) -> None:
    doubtful = ended(outbox, intent("a"), IN_DOUBT)
    clock.time += SECOND
    (again,) = outbox.conclude([doubtful.ended(IN_DOUBT, note="still")])
    assert (again.changed_at, again.note) == (NOW, "still")
    (done,) = outbox.conclude([again.ended(APPLIED, Receipt("1"))])
    assert done.changed_at == clock.time
    assert outbox.entry(done.number) == done
    assert outbox.conclude([replace(again, number=99).ended(APPLIED)]) == []


def test_a_saved_plan_and_its_approvals(outbox: Outbox) -> None:
    ended(outbox, intent("a"))
    saved = outbox.record_plan("p", "digest", "Ada", TargetCompany("acme", "", "sandbox", "me"))
    assert (saved.id, saved.digest, saved.person, saved.at, saved.last_event) == ("p", "digest", "Ada", NOW, 3)
    assert outbox.plan_record("p") == saved
    assert outbox.plan_record("q") is None
    assert outbox.approvals("p") == []
    approvals = [Approval("p", "digest", person, NOW, NOW + SECOND) for person in ("Ben", "Cleo")]
    for one in approvals:
        outbox.approve(one)
    assert (outbox.approvals("p"), outbox.approvals("q")) == (approvals, [])


def test_the_word_for_an_outcome(outbox: Outbox) -> None:
    words = {
        status: outcome_word(ended(outbox, intent(status.value), status)) for status in (PLANNED, IN_DOUBT, APPLIED)
    }
    assert list(words.values()) == ["create", "create", "created"]
    assert outcome_word(ended(outbox, intent("d", operation=DELETE))) == "deleted"


def test_the_place_of_an_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setenv("HOME", "/home/ada")
    assert place_of("~/o.sqlite3") == Path("/home/ada/o.sqlite3")
    assert place_of("sqlite:///~/o.sqlite3") == Path("/~/o.sqlite3")
    assert place_of("sqlite:///C:/o.sqlite3") == Path("C:/o.sqlite3")
    folder = Path("/state/intacct-bridge/outbox")
    assert default_path("Acme") == folder / "acme.sqlite3"
    assert default_path("Acme", "https://API.INTACCT.COM/x") == folder / "acme.sqlite3"
    assert default_path("a/b", "http://LocalHost:8000/x") == folder / "a%2Fb@localhost%3A8000.sqlite3"
    login = Connection(company_id="Acme", user_id="u", user_password="p", sender_id="s", sender_password="q")
    assert outbox_place(login) == folder / "acme.sqlite3"
    assert outbox_place(replace(login, client_id="C1")) == folder / "acme%7Cc1.sqlite3"
    assert outbox_place(replace(login, outbox="/x/y")) == Path("/x/y")


def test_the_counts_of_equal_records_and_the_position_of_their_stream(outbox: Outbox) -> None:
    counts, stream = outbox.equal_counts, StreamSource("acme", "crm", "pay")
    assert (counts.count(stream, "a"), counts.position(stream), counts.has(stream)) == (
        EqualCount(), StreamPosition(), False,
    )  # fmt: skip
    counts.assign(stream, {"a": 3, "b": 2})
    counts.assign(stream, {"a": 1})
    assert counts.has(stream)
    at = StreamPosition("digest", "1")
    counts.cover([CoveredStream(stream, at, {"a": 2})])
    assert (counts.count(stream, "a"), counts.count(stream, "b"), counts.position(stream)) == (
        EqualCount(3, 2), EqualCount(2, 0), at,
    )  # fmt: skip
    counts.cover([CoveredStream(stream, at, {"b": 1}, restarted=True)])
    assert (counts.count(stream, "a"), counts.count(stream, "b")) == (EqualCount(3, 0), EqualCount(2, 1))
    counts.cover([CoveredStream(stream, at, {}, complete=True)])
    assert (counts.count(stream, "a"), counts.count(stream, "b")) == (EqualCount(3, 3), EqualCount(2, 2))


def test_an_outcome_is_noted_at_the_second_attempt(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first may have been written, and its answer lost."""
    one, other = ended(outbox, intent("a"), SENT), ended(outbox, intent("b"), SENT)
    noted, attempts = Outbox._conclude, list[int]()

    def unreachable(self: Outbox, ends: Sequence[OutboxEntry], *, claim: bool) -> list[OutboxEntry]:
        attempts.append(len(ends))
        if len(attempts) == 1:
            noted(self, ends[:1], claim=claim)
            raise UnreachableError("the database is gone")
        return noted(self, ends, claim=claim)

    with Outbox(outbox.path, clock=lambda: NOW) as another:
        doubtful, theirs = ended(another, intent("c"), IN_DOUBT), ended(another, intent("d"), SENT)
        monkeypatch.setattr(Outbox, "_conclude", unreachable)
        ends = [entry.ended(APPLIED, Receipt(entry.identity)) for entry in (one, other, doubtful, theirs)]
        done = outbox.conclude(ends)
    assert [(entry.identity, entry.status) for entry in done] == [("a", APPLIED), ("b", APPLIED), ("c", APPLIED)]
    assert attempts == [4, 4]
