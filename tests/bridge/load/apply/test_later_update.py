"""An update in doubt, or not sent, that a later change follows: its values are not written over the later ones."""

from datetime import date
from typing import Any

import pytest

from intacct_bridge.load.apply import retry as retrying
from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.retry import retry, settle_doubts
from intacct_bridge.load.apply.single_writes import OutboxWriter
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.plan import Mode
from intacct_bridge.load.plan.planner import plan_writes
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.undo.action_writes import action_write
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from intacct_protocol.model.writing.actions import action_of
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from intacct_protocol.xml.values import Value
from support.journeys.objects import BILLS, VENDORS, LoadScenario, sent_by
from support.small_company import Clock, client

APPLIED, IN_DOUBT, NOT_SENT = RecordStatus.APPLIED, RecordStatus.IN_DOUBT, RecordStatus.NOT_SENT


@pytest.fixture
def desk(desk: LoadScenario) -> LoadScenario:
    desk.load(VENDORS, "VENDOR")
    return desk


def updated(desk: LoadScenario, text: str, *, lost: str = "", of: str = "VENDOR") -> list[RecordStatus]:
    """An update; its answer is lost before or after it was applied, or it is not sent at all."""

    def transport(endpoint: str, body: bytes) -> Reply:
        if decode_request(body).operations[0].functions[0].name != "update" or not lost:
            return desk.emulator(endpoint, body)
        if lost == "after":
            desk.emulator(endpoint, body)
        raise ConnectionCutError("cut", sent=lost != "not sent")

    desk.transport = transport
    found = [one.status for one in desk.load(text, of, "update")]
    desk.transport = None
    return found


def settled(desk: LoadScenario) -> list[OutboxEntry]:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        return settle_doubts(gateway, outbox)


def vendor(desk: LoadScenario) -> tuple[str, str]:
    (found,) = (row for row in desk.rows("VENDOR") if row["VENDORID"] == "V-1")
    return found["NAME"], found.get("COMMENTS", "")


def test_the_earlier_of_two_updates_does_not_take_the_later_one_away(desk: LoadScenario, clock: Clock) -> None:
    assert updated(desk, "VENDORID,NAME,COMMENTS\nV-1,First,said first\n", lost="before") == [IN_DOUBT]
    clock.forward(minutes=1)
    assert updated(desk, "RECORDNO,NAME\n1,Second\n") == [APPLIED]
    clock.forward(minutes=61)
    (entry,) = settled(desk)
    assert (entry.status, entry.note) == (
        IN_DOUBT,
        "entry 4 of the outbox changes VENDOR 1 after it: compare NAME",
    )
    assert vendor(desk) == ("Second", "")


def test_a_later_update_of_other_fields_leaves_the_earlier_one_to_be_done(desk: LoadScenario, clock: Clock) -> None:
    assert updated(desk, "VENDORID,NAME\nV-1,First\n", lost="before") == [IN_DOUBT]
    clock.forward(minutes=1)
    assert updated(desk, "RECORDNO,COMMENTS\n1,said later\n") == [APPLIED]
    assert updated(desk, "VENDORID,NAME\nV-2,Second\n") == [APPLIED]
    clock.forward(minutes=61)
    assert [one.status for one in settled(desk)] == [APPLIED]
    assert vendor(desk) == ("First", "said later")


def test_a_later_update_counts_while_it_is_in_doubt_too(desk: LoadScenario, clock: Clock) -> None:
    assert updated(desk, "VENDORID,NAME\nV-1,First\n", lost="before") == [IN_DOUBT]
    clock.forward(minutes=1)
    assert updated(desk, "RECORDNO,NAME\n1,Second\n", lost="before") == [IN_DOUBT]
    clock.forward(minutes=61)
    assert [one.status for one in settled(desk)] == [IN_DOUBT, APPLIED]
    assert vendor(desk)[0] == "Second"


def test_an_update_that_was_done_before_the_later_one_is_not_sent_again(desk: LoadScenario, clock: Clock) -> None:
    assert updated(desk, "VENDORID,NAME\nV-1,First\n", lost="after") == [RecordStatus.SETTLED]
    clock.forward(minutes=1)
    assert updated(desk, "RECORDNO,NAME\n1,Second\n") == [APPLIED]
    clock.forward(minutes=61)
    assert settled(desk) == []
    assert vendor(desk)[0] == "Second"


def retried(desk: LoadScenario) -> list[tuple[RecordStatus, str]]:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        return [(one.status, one.note) for one in retry(gateway, outbox)]


def test_an_update_that_was_not_sent_is_retried_where_its_record_is_as_it_was(desk: LoadScenario) -> None:
    assert updated(desk, "VENDORID,NAME\nV-1,First\n", lost="not sent") == [NOT_SENT]
    assert updated(desk, "RECORDNO,COMMENTS\n1,said later\n") == [APPLIED]
    assert retried(desk) == [(APPLIED, "")]
    assert vendor(desk) == ("First", "said later")


def test_an_update_is_not_retried_over_a_later_one(desk: LoadScenario) -> None:
    assert updated(desk, "VENDORID,NAME\nV-1,First\n", lost="not sent") == [NOT_SENT]
    assert updated(desk, "RECORDNO,NAME\n1,Second\n") == [APPLIED]
    assert retried(desk) == [(NOT_SENT, "entry 4 of the outbox changes VENDOR 1 after it: compare NAME")]
    assert vendor(desk)[0] == "Second"


def test_an_update_is_not_retried_over_another_persons_change(desk: LoadScenario) -> None:
    """The other vendor's update is of the same transaction."""
    both = "VENDORID,NAME\nV-1,First\nV-2,Other\n"
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        plan = desk.make(gateway, outbox, desk.file(both), "VENDOR", Mode.UPDATE)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(gateway), "submit", _cut)
            with pytest.raises(ConnectionCutError):
                list(Loader(gateway, outbox, LoadSettings(atomic=True)).apply(plan))
        assert gateway.update("VENDOR", [{"VENDORID": "V-1", "NAME": "Third"}])[0].ok
    assert retried(desk) == [
        (NOT_SENT, "its record was changed in Intacct since (NAME is Third, not Acme Paper): load it again"),
        (NOT_SENT, "it was sent together with entry 3, which is outdated"),
    ]
    assert {row["NAME"] for row in desk.rows("VENDOR")} == {"Third", "Bolt Ltd"}
    assert updated(desk, both) == [APPLIED, APPLIED]


def _cut(*_: object, **__: object) -> None:
    raise ConnectionCutError("cut", sent=False)


def test_a_retried_update_keeps_the_values_that_it_replaces_now(desk: LoadScenario) -> None:
    """Another person has set one of its two fields to its value since: an undo leaves that person's value."""
    assert updated(desk, "VENDORID,NAME,COMMENTS\nV-1,First,said\n", lost="not sent") == [NOT_SENT]
    with client(desk.emulator) as gateway:
        assert gateway.update("VENDOR", [{"VENDORID": "V-1", "COMMENTS": "said"}])[0].ok
    assert retried(desk) == [(APPLIED, "")]
    assert earlier(desk, 3) == {"NAME": "Acme Paper", "COMMENTS": "said"}
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        company = gateway
        undo = plan_undo(company, outbox, [outbox.entry(3)], UndoSettings(date(2026, 11, 24)))
        assert undo.plan is not None
        assert [one.status for one in Loader(company, outbox).apply(undo.plan)] == [APPLIED]
    assert vendor(desk) == ("Acme Paper", "said")


def test_a_retried_update_has_its_earlier_values_although_its_plan_had_none(desk: LoadScenario) -> None:
    """A program that writes with the library does not read them; the retry does."""
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        writing = gateway.through(OutboxWriter(outbox))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(gateway), "submit", _cut)
            with pytest.raises(ConnectionCutError):
                writing.update("VENDOR", [{"RECORDNO": 1, "NAME": "First"}])
    assert retried(desk) == [(APPLIED, "")]
    assert earlier(desk, 3) == {"NAME": "Acme Paper"}


def earlier(desk: LoadScenario, number: int) -> dict[str, Value] | None:
    with desk.outbox() as outbox:
        return outbox.replaced_values(outbox.entry(number))


def lines_not_sent(desk: LoadScenario) -> str:
    """A bill with one line, whose update was not sent; its number."""
    desk.load(BILLS, "APBILL")
    (bill,) = (row["RECORDNO"] for row in desk.rows("APBILL") if row["RECORDID"] == "INV-2")
    text = f"RECORDNO,ACCOUNTNO,TRX_AMOUNT,ENTRYDESCRIPTION,LOCATIONID,DEPARTMENTID\n{bill},60100,15,ours,100,100\n"
    assert updated(desk, text, of="APBILL", lost="not sent") == [NOT_SENT]
    return bill


def descriptions(desk: LoadScenario, bill: str) -> list[str]:
    return [row["ENTRYDESCRIPTION"] for row in desk.rows("APBILLITEM") if row["RECORDKEY"] == bill]


def test_an_update_of_lines_is_not_retried_over_another_persons_lines(desk: LoadScenario) -> None:
    """The lines have the same number and amount as the plan has seen, and another description."""
    bill = lines_not_sent(desk)
    theirs = {"ACCOUNTNO": "60100", "TRX_AMOUNT": "15", "LOCATIONID": "100", "DEPARTMENTID": "100"}
    with client(desk.emulator) as gateway:
        assert gateway.update("APBILL", [{"RECORDNO": bill, "APBILLITEMS": [theirs | {"ENTRYDESCRIPTION": "theirs"}]}])[
            0
        ].ok
    note = "its record was changed in Intacct since (APBILLITEMS has other lines): load it again"
    assert retried(desk) == [(NOT_SENT, note)]
    assert descriptions(desk, bill) == ["theirs"]


def test_an_update_of_lines_is_retried_where_they_are_as_they_were(desk: LoadScenario) -> None:
    bill = lines_not_sent(desk)
    assert retried(desk) == [(APPLIED, "")]
    assert descriptions(desk, bill) == ["ours"]


def test_a_delete_is_not_retried_over_another_persons_change(desk: LoadScenario) -> None:
    def transport(endpoint: str, body: bytes) -> Reply:
        if decode_request(body).operations[0].functions[0].name == "delete":
            raise ConnectionCutError("cut", sent=False)
        return desk.emulator(endpoint, body)

    desk.transport = transport
    assert [one.status for one in desk.load("VENDORID\nV-1\nV-2\n", "VENDOR", "delete")] == [NOT_SENT, NOT_SENT]
    desk.transport = None
    with client(desk.emulator) as gateway:
        assert gateway.update("VENDOR", [{"VENDORID": "V-1", "NAME": "Third"}])[0].ok
    note = "VENDOR V-1: NAME was Acme Paper, and is Third now: plan it again"
    assert retried(desk) == [(NOT_SENT, note), (APPLIED, "")]
    assert [row["VENDORID"] for row in desk.rows("VENDOR")] == ["V-1"]


def test_an_update_in_doubt_is_not_sent_over_a_change_by_the_same_user(desk: LoadScenario, clock: Clock) -> None:
    """Another program signs in as the same user, so who changed the record does not tell."""
    assert updated(desk, "VENDORID,NAME\nV-1,First\n", lost="before") == [IN_DOUBT]
    clock.forward(minutes=1)
    with client(desk.emulator) as gateway:
        assert gateway.update("VENDOR", [{"VENDORID": "V-1", "NAME": "Third"}])[0].ok
    clock.forward(minutes=61)
    (entry,) = settled(desk)
    note = "its record has other values than the plan has seen (NAME is Third, not Acme Paper): compare them"
    assert (entry.status, entry.note) == (IN_DOUBT, note)
    assert vendor(desk)[0] == "Third"


def test_an_update_in_doubt_that_is_sent_again_keeps_the_values_that_it_replaces_now(
    desk: LoadScenario, clock: Clock
) -> None:
    assert updated(desk, "VENDORID,NAME,COMMENTS\nV-1,First,said\n", lost="before") == [IN_DOUBT]
    clock.forward(minutes=1)
    with client(desk.emulator) as gateway:
        assert gateway.update("VENDOR", [{"VENDORID": "V-1", "COMMENTS": "said"}])[0].ok
    clock.forward(minutes=61)
    assert [one.status for one in settled(desk)] == [APPLIED]
    assert vendor(desk) == ("First", "said")
    assert earlier(desk, 3) == {"NAME": "Acme Paper", "COMMENTS": "said"}


def test_two_retries_at_once_send_an_update_once(desk: LoadScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one has read the outbox and the record before the first one sends."""
    assert updated(desk, "VENDORID,NAME\nV-1,First\n", lost="not sent") == [NOT_SENT]
    first: list[list[tuple[RecordStatus, str]]] = []
    compare = retrying._without_outdated

    def late(*given: Any) -> Any:
        if not first:
            first.append([])
            first[0] = retried(desk)
        return compare(*given)

    monkeypatch.setattr(retrying, "_without_outdated", late)
    sent = sent_by(desk)
    with client(desk.transport or desk.emulator) as gateway, desk.outbox() as outbox:
        assert [(one.status, one.loader != outbox.loader) for one in retry(gateway, outbox)] == [(APPLIED, True)]
        assert [one.status for one in outbox.entries()].count(APPLIED) == 3
        assert sum(1 for _ in outbox.entries()) == 3
    assert first == [[(APPLIED, "")]]
    assert sent["update"] == 0


@pytest.mark.parametrize("changed", [True, False])
def test_a_reversal_is_retried_only_where_its_record_is_as_it_was(
    desk: LoadScenario, clock: Clock, *, changed: bool
) -> None:
    desk.load(BILLS, "APBILL")
    (bill,) = (row["RECORDNO"] for row in desk.rows("APBILL") if row["RECORDID"] == "INV-2")
    reversal = action_write(action_of("reverse", "APBILL"), bill, day=date(2026, 11, 30))
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        company = gateway
        plan = plan_writes([reversal], "APBILL", company, outbox)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(gateway), "submit", _cut)
            with pytest.raises(ConnectionCutError):
                list(Loader(company, outbox).apply(plan))
        clock.forward(minutes=1)
        if changed:
            assert gateway.update("APBILL", [{"RECORDNO": bill, "DOCNUMBER": "corrected"}])[0].ok
    ((status, note),) = retried(desk)
    assert status is (NOT_SENT if changed else APPLIED), note
    assert ("WHENMODIFIED was" in note and note.endswith("plan it again")) == changed
    states = {row["STATE"] for row in desk.rows("APBILL") if row["RECORDNO"] == bill}
    assert states == ({"Posted"} if changed else {"Reversed"})
