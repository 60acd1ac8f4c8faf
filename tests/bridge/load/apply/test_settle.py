"""Settling: what is sent a second time, and when; what stays in doubt, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.readback import Readback, ReadbackVerdict
from intacct_bridge.load.apply.retry import settle_doubts
from intacct_bridge.load.apply.settle import SETTLE_AFTER, RepeatGuard, Settler, SettleSettings
from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Receipt, WriteOperation
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.shared_state.place import Place, PostgresPlace
from intacct_protocol.errors import Fault, InDoubtError, NotPermittedError, TransientError
from intacct_protocol.xml.envelope import ABORTED, FAILURE, SUCCESS, Function, Result
from intacct_protocol.xml.reply import ConnectionCutError
from support.load.journal import journal_layout
from support.load.ledger import HEADER, Clock, Ledger, entry

PROVEN = SettleSettings(repeat_guard=True)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def outbox(place: Place, ledger: Ledger) -> Iterator[Outbox]:
    with Outbox(place, clock=ledger.clock) as opened:
        yield opened


def load(folder: Path, ledger: Ledger, outbox: Outbox, references: str, settings: LoadSettings | None = None) -> None:
    file = folder / "je.csv"
    file.write_text(HEADER + "".join(entry(reference.replace("-", "")) for reference in references))
    plan = make_plan(open_csv(file), journal_layout(), ledger.gateway, outbox)
    list(Loader(ledger.gateway, outbox, settings or LoadSettings()).apply(plan))


def settled(ledger: Ledger, outbox: Outbox, settings: SettleSettings | None = None) -> OutboxEntry:
    (one,) = settle_doubts(ledger.gateway, outbox, settings)
    return one


def sendings(ledger: Ledger) -> int:
    """How often a record was sent; a proof of memory is none."""
    return sum(not control.startswith("ib1-guard") for sent in ledger.submits for control in sent)


def test_the_time_to_settle_counts_from_the_last_sending(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> None:
    ledger.faults = ["lost before", "lost before"]
    load(tmp_path, ledger, outbox, "A")
    ledger.clock.now += SETTLE_AFTER - MINUTE
    assert "it can be settled from 2026-11-30 13:00:00 UTC on" in settled(ledger, outbox).note
    assert sendings(ledger) == 1
    ledger.clock.now += MINUTE
    again = settled(ledger, outbox)
    assert (again.status, again.note) == (RecordStatus.IN_DOUBT, "no answer")  # sent again, and lost again
    assert sendings(ledger) == 2
    ledger.clock.now += SETTLE_AFTER - MINUTE
    assert "from 2026-11-30 14:00:00 UTC on" in settled(ledger, outbox).note
    assert sendings(ledger) == 2
    ledger.clock.now += MINUTE
    assert settled(ledger, outbox).status is RecordStatus.APPLIED
    assert (sendings(ledger), ledger.posted) == (3, ["A"])
    assert len({control for sent in ledger.submits for control in sent}) == 1  # always the same control id


def test_what_is_found_is_applied_whenever_it_is_found(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> None:
    ledger.faults = ["still running"]
    load(tmp_path, ledger, outbox, "A")
    assert settled(ledger, outbox).status is RecordStatus.IN_DOUBT
    ledger.finish()
    one = settled(ledger, outbox)
    assert (one.status, one.receipt and one.receipt.record, one.note) == (
        RecordStatus.APPLIED, "1", "found in the company as 1"
    )  # fmt: skip
    assert (sendings(ledger), ledger.posted) == (1, ["A"])


def test_a_company_that_remembers_is_believed_though_the_record_is_gone(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    ledger.faults = ["lost after"]
    ledger.visible_after = timedelta(days=9)  # the record is there, and no query shows it
    load(tmp_path, ledger, outbox, "A")
    ledger.clock.now += SETTLE_AFTER
    one = settled(ledger, outbox)
    assert one.status is RecordStatus.APPLIED
    assert one.note == "the company reports that it was applied; its record was not found"
    assert ledger.posted == ["A"]


def test_a_refused_second_sending_is_rejected_only_after_the_time_to_settle(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    at_once = SettleSettings(settle_after=timedelta(0))
    ledger.faults = ["lost before"]
    load(tmp_path, ledger, outbox, "A")
    ledger.refuse = lambda record: "closed"
    early = settled(ledger, outbox, at_once)
    assert early.status is RecordStatus.IN_DOUBT
    assert "whether it was applied before is unknown" in early.note
    assert [fault.errorno for fault in early.faults] == ["BL01001973"]
    ledger.clock.now += SETTLE_AFTER
    late = settled(ledger, outbox, at_once)
    assert (late.status, late.note) == (RecordStatus.REJECTED, "not found, and refused when it was sent again")
    assert ledger.posted == []


def test_without_a_key_nothing_is_sent_again_unless_memory_is_proven(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    ledger.faults = ["lost before"]
    load(tmp_path, ledger, outbox, "-")
    ledger.clock.now += SETTLE_AFTER
    one = settled(ledger, outbox)
    assert one.status is RecordStatus.IN_DOUBT
    assert "it has no key" in one.note
    assert "it has no key" in settled(ledger, outbox, PROVEN).note  # no read was made before it was sent
    assert sendings(ledger) == 1


@pytest.mark.parametrize(("memory", "ends"), [("lasting", RecordStatus.APPLIED), ("absent", RecordStatus.IN_DOUBT)])
def test_a_record_without_a_key_is_sent_again_where_memory_is_seen(
    tmp_path: Path, ledger: Ledger, outbox: Outbox, memory: str, ends: RecordStatus
) -> None:
    ledger.memory = memory
    ledger.faults = ["none", "lost before"]
    load(tmp_path, ledger, outbox, "-", LoadSettings(settle=PROVEN))
    ledger.clock.now += SETTLE_AFTER - MINUTE
    assert settled(ledger, outbox, PROVEN).status is RecordStatus.IN_DOUBT
    ledger.clock.now += MINUTE
    assert settled(ledger, outbox, PROVEN).status is ends
    assert len(ledger.posted) == (ends is RecordStatus.APPLIED)


def test_a_second_sending_that_is_answered_needs_no_further_search(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    ledger.faults = ["lost before"]
    load(tmp_path, ledger, outbox, "A")
    ledger.clock.now += SETTLE_AFTER
    searched: list[int] = []
    ledger.on_submit = lambda: searched.append(len(ledger.queries))
    assert settled(ledger, outbox).status is RecordStatus.APPLIED
    assert searched == [len(ledger.queries)]


@pytest.mark.parametrize(
    ("reference", "settings", "reads"), [("A", PROVEN, 0), ("-", PROVEN, 1), ("A-", PROVEN, 1), ("-", None, 0)]
)
def test_memory_is_proven_only_for_records_that_could_not_be_looked_for(
    tmp_path: Path, ledger: Ledger, outbox: Outbox, reference: str, settings: SettleSettings | None, reads: int
) -> None:
    load(tmp_path, ledger, outbox, reference, LoadSettings(settle=settings or SettleSettings()))
    assert sum(control.startswith("ib1-guard") for sent in ledger.submits for control in sent) == reads
    assert len(ledger.posted) == len(reference)


# --- changes

USED = Fault("XX98", "", "the control id was already used")
OTHER = Fault("XX99", "", "It is closed")
in_a_file = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


class Silent:
    """A company that answers each write in turn: done, refused, lost, or as a repetition."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.connection = SimpleNamespace(user_id="loader")
        self.sent: list[str] = []
        self.functions: list[Function] = []

    def submit(self, functions: Sequence[Function], /, **_: object) -> tuple[Result, ...]:
        (function,) = functions
        self.sent.append(function.control_id)
        self.functions.append(function)
        answer = self.answers.pop(0)
        errors = {"lost": InDoubtError("lost"), "cut": ConnectionCutError("cut", sent=True),
                  "not sent": ConnectionCutError("cut", sent=False), "down": TransientError("down")}  # fmt: skip
        if answer in errors:
            raise errors[answer]
        faults = {"done": (), "repeated": (USED,), "refused": (OTHER,)}[answer]
        return (Result(FAILURE if faults else SUCCESS, "update", function.control_id, None, None, faults),)


def doubtful(outbox: Outbox, *identities: str, operation: WriteOperation = WriteOperation.UPDATE,
             faults: tuple[Fault, ...] = ()) -> list[OutboxEntry]:  # fmt: skip
    target = WriteTarget("acme", "", operation, "VENDOR")
    sent = outbox.begin(outbox.plan(new_entry(target, one, "d", f"<update>{one}</update>") for one in identities))
    return outbox.conclude(one.ended(RecordStatus.IN_DOUBT, faults=faults) for one in sent)


def settle(outbox: Outbox, company: Silent, entries: list[OutboxEntry]) -> tuple[list[OutboxEntry], list[str]]:
    steps: list[str] = []
    at_once = SettleSettings(settle_after=timedelta(0))
    return Settler(cast("Gateway", company), outbox, at_once, step=steps.append).settle(entries), steps


def reading(monkeypatch: pytest.MonkeyPatch, *found: Readback | Exception) -> None:
    def read_back(_: object, __: object, entries: Sequence[OutboxEntry]) -> list[Readback]:
        if isinstance(found[0], Exception):
            raise found[0]
        return [one for one in found if isinstance(one, Readback)][: len(entries)]

    monkeypatch.setattr("intacct_bridge.load.apply.settle.read_back", read_back)


@in_a_file
def test_changes_are_settled_by_reading_their_records_back(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = (ReadbackVerdict.DONE, ReadbackVerdict.UNCLEAR, ReadbackVerdict.NOT_DONE)
    reading(monkeypatch, *(Readback(one, f"{at}", f"note {at}") for at, one in enumerate(verdicts)))
    company = Silent("done")
    entries = doubtful(outbox, "a", "b", "c")
    done, steps = settle(outbox, company, entries)
    assert [(one.identity, one.status, one.note) for one in done] == [
        ("a", RecordStatus.APPLIED, "read back from 0"),
        ("b", RecordStatus.IN_DOUBT, "note 1"),
        ("c", RecordStatus.APPLIED, ""),
    ]
    assert (done[0].receipt, done[2].receipt) == (Receipt("0"), Receipt())
    assert company.sent == [entries[2].control_id]
    assert "searched" in steps


@in_a_file
def test_a_repeated_change_was_applied_and_a_refused_one_waits(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    reading(monkeypatch, *(Readback(ReadbackVerdict.NOT_DONE, "7") for _ in range(2)))
    (one,), _ = settle(outbox, Silent(), doubtful(outbox, "a", faults=(USED,)))
    assert (one.status, one.faults, one.note) == (RecordStatus.APPLIED, (), "read back from 7")
    (sent_again,), _ = settle(outbox, Silent("repeated"), doubtful(outbox, "b"))
    assert (sent_again.status, sent_again.faults) == (RecordStatus.APPLIED, ())
    (refused,), _ = settle(outbox, Silent("refused"), doubtful(outbox, "c"))
    assert (refused.status, refused.faults) == (RecordStatus.IN_DOUBT, (OTHER,))
    assert "refused when it was sent again" in refused.note


@in_a_file
def test_changes_that_may_not_be_read_stay_in_doubt(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    reading(monkeypatch, NotPermittedError("no permission for VENDOR"))
    done, _ = settle(outbox, Silent(), doubtful(outbox, "a", "b"))
    assert [(one.status, one.note) for one in done] == [(RecordStatus.IN_DOUBT, "no permission for VENDOR")] * 2


@in_a_file
def test_an_entry_that_another_loader_took_is_left_to_it(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    reading(monkeypatch, Readback(ReadbackVerdict.NOT_DONE, "7"))
    (entry,) = doubtful(outbox, "a")
    outbox.resume([entry])
    company = Silent()
    (one,), _ = settle(outbox, company, [entry])
    assert (one.status, one.sendings, company.sent) == (RecordStatus.SENT, 2, [])


def test_an_entry_that_another_loader_took_during_the_second_sending_is_told_as_it_is(
    postgres_place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session of the first was lost for longer than a request takes, and its process went on."""
    reading(monkeypatch, Readback(ReadbackVerdict.NOT_DONE, "7"))
    clock = Clock()

    class Slow(Silent):
        def submit(self, functions: Sequence[Function], /, **how: object) -> tuple[Result, ...]:
            ours._db.release(ours.loader)
            clock.forward(minutes=17)
            with Outbox(postgres_place, clock=clock) as other:
                other.resume(other.recover())
            ours._db.hold(ours.loader)
            return super().submit(functions, **how)

    with Outbox(postgres_place, clock=clock) as ours:
        (one,), _ = settle(ours, Slow("done"), doubtful(ours, "a"))
    assert (one.status, one.sendings, one.loader != ours.loader) == (RecordStatus.SENT, 3, True)


# --- the proof of memory


@in_a_file
@pytest.mark.parametrize(
    ("first", "second", "remembers", "kept"),
    [
        ("done", "repeated", True, True),
        ("done", "done", False, False),  # the company has forgotten, and this read was a new one
        ("done", "refused", False, False),
        ("done", "not sent", False, True),  # the read did not arrive
        ("done", "down", False, True),
        ("done", "cut", False, False),
        ("done", "lost", False, False),
        ("refused", "", False, False),
        ("down", "", False, False),
    ],
)
def test_a_company_remembers_if_it_recognises_a_read_from_before(
    outbox: Outbox, first: str, second: str, remembers: bool, kept: bool
) -> None:
    (entry,) = doubtful(outbox, "a")
    company = Silent(first, second, "repeated")
    memory = RepeatGuard(cast("Gateway", company), outbox)
    memory.begin()
    memory.begin()
    assert company.sent == [f"ib1-guard-{outbox.loader}"], "once for a loader"
    assert memory.remembers(entry) == remembers
    assert memory.remembers(entry) == kept
    assert not memory.remembers(replace(entry, control_id="another"))


@in_a_file
def test_memory_counts_from_the_loader_that_sent_and_not_from_one_that_planned(outbox: Outbox) -> None:
    target = WriteTarget("acme", "", WriteOperation.UPDATE, "VENDOR")
    intent = new_entry(target, "a", "d", "<update/>")
    with Outbox(outbox.path, clock=outbox.clock) as another:
        another.plan([intent])
    company = Silent("done", "repeated")
    memory = RepeatGuard(cast("Gateway", company), outbox)
    memory.begin()
    (entry,) = outbox.begin(outbox.plan([intent]))
    assert memory.remembers(entry)
    assert [(one.name, one.body.findtext("userId")) for one in company.functions] == [
        ("readUserFormatting", "loader")
    ] * 2, "a read that changes nothing"


# --- the records of one transaction


def in_one_transaction(outbox: Outbox, *identities: str) -> list[OutboxEntry]:
    target = WriteTarget("acme", "", WriteOperation.UPDATE, "VENDOR")
    planned = outbox.plan(
        new_entry(target, one, "d", f"<update>{one}</update>", label=f"vendor {one}") for one in identities
    )
    sent = outbox.begin(planned, together=True)
    return outbox.conclude(one.ended(RecordStatus.IN_DOUBT) for one in sent)


class Together(Silent):
    """A company that answers a transaction: each part in turn, or nothing."""

    def submit(self, functions: Sequence[Function], /, **how: object) -> tuple[Result, ...]:
        assert how["transaction"] is (len(functions) > 1)
        self.sent.append(" ".join(function.control_id for function in functions))
        parts = {"done": (SUCCESS, ()), "refused": (FAILURE, (OTHER,)), "repeated": (FAILURE, (USED,)),
                 "aborted": (ABORTED, (Fault("XL03000009", "", "rolled back"),))}  # fmt: skip
        some = [parts[self.answers.pop(0)] for _ in functions]
        return tuple(
            Result(status, "update", one.control_id, None, None, faults)
            for one, (status, faults) in zip(functions, some, strict=True)
        )


UNAPPLIED = "it was sent together with vendor c, which was not applied"


@in_a_file
@pytest.mark.parametrize(
    ("answers", "statuses"),
    [
        (["done", "done", "done"], [RecordStatus.APPLIED] * 3),
        (["aborted", "refused", "aborted"], [RecordStatus.IN_DOUBT] * 3),  # as a refused second sending of one
        # what the company has completed before is the transaction, and so each part of it
        (["repeated", "aborted", "aborted"], [RecordStatus.APPLIED] * 3),
        (["repeated", "repeated", "repeated"], [RecordStatus.APPLIED] * 3),
    ],
)
def test_the_parts_of_a_transaction_are_sent_again_together(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, answers: list[str], statuses: list[RecordStatus]
) -> None:
    reading(monkeypatch, *(Readback(ReadbackVerdict.NOT_DONE, "7") for _ in range(3)))
    company = Together(*answers)
    entries = in_one_transaction(outbox, "a", "b", "c")
    done, _ = settle(outbox, company, entries)
    assert sorted(one.number for one in done) == [one.number for one in entries]
    assert [one.status for one in outbox.entries()] == statuses
    assert company.sent == [" ".join(one.control_id for one in entries)]


@in_a_file
@pytest.mark.parametrize(
    ("other", "statuses", "note", "sent"),
    [
        (RecordStatus.APPLIED, [RecordStatus.APPLIED] * 2, "", 2),  # the transaction was applied: each part by itself
        (RecordStatus.ABORTED, [RecordStatus.ABORTED] * 2, UNAPPLIED, 0),
        (RecordStatus.REJECTED, [RecordStatus.ABORTED] * 2, UNAPPLIED, 0),
    ],
)
def test_the_parts_of_a_transaction_share_their_fate(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, other: RecordStatus, statuses: list[RecordStatus], note: str,
    sent: int,
) -> None:  # fmt: skip
    reading(monkeypatch, *(Readback(ReadbackVerdict.NOT_DONE, "7") for _ in range(2)))
    first, second, third = in_one_transaction(outbox, "a", "b", "c")
    outbox.conclude([third.ended(other)])
    company = Together("done", "done")
    done, _ = settle(outbox, company, [first, second])
    assert [(one.identity, one.status, one.note) for one in done] == [
        (name, status, note) for name, status in zip("ab", statuses, strict=True)
    ]
    assert company.sent == [one.control_id for one in (first, second)][:sent]


@in_a_file
def test_a_part_of_a_transaction_is_settled_with_the_others_in_doubt(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load settles its updates and its new records apart: each would wait for the other for ever."""
    reading(monkeypatch, *(Readback(ReadbackVerdict.NOT_DONE, "7") for _ in range(3)))
    company = Together("done", "done", "done")
    first, second, third = in_one_transaction(outbox, "a", "b", "c")
    done, _ = settle(outbox, company, [second])
    assert [(one.identity, one.status) for one in done] == [("b", RecordStatus.APPLIED)]
    assert [one.status for one in outbox.entries()] == [RecordStatus.APPLIED] * 3
    assert company.sent == [" ".join(one.control_id for one in (first, second, third))], (
        "in the order of the first time"
    )


@in_a_file
def test_a_part_of_a_transaction_waits_for_one_that_another_loader_is_sending(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading(monkeypatch, *(Readback(ReadbackVerdict.NOT_DONE, "7") for _ in range(2)))
    company = Together()
    first, second, third = in_one_transaction(outbox, "a", "b", "c")
    outbox.resume([third])
    done, _ = settle(outbox, company, [first, second])
    note = "it was sent together with vendor c (entry 3), and waits for it"
    assert [(one.status, one.note) for one in done] == [(RecordStatus.IN_DOUBT, note)] * 2
    assert company.sent == []


@in_a_file
def test_a_transaction_of_which_another_loader_took_a_part_is_left_to_it(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = in_one_transaction(outbox, "a", "b")
    company = Together()
    settler = Settler(cast("Gateway", company), outbox, SettleSettings(settle_after=timedelta(0)))
    outbox.resume(entries[:1])
    done = settler._resend(entries)
    assert [(one.status, one.sendings) for one in done] == [(RecordStatus.SENT, 2), (RecordStatus.IN_DOUBT, 2)]
    assert company.sent == []


# --- the time to settle

KEYED = LookupKeys("VENDOR", keys=(("VENDORID",),))


@in_a_file
@pytest.mark.parametrize(
    ("lookup", "settings", "later", "searchable", "reason"),
    [
        (KEYED, SettleSettings(), timedelta(0), True, "it can be settled from 2026-11-30 13:00:00 UTC on"),
        (KEYED, SettleSettings(), SETTLE_AFTER - timedelta(seconds=1), True, "it can be settled from"),
        (KEYED, SettleSettings(), SETTLE_AFTER, True, ""),
        (KEYED, SettleSettings(), SETTLE_AFTER, False, "it has no key, such as a reference number"),
        (KEYED, SettleSettings(timedelta(0)), timedelta(0), False, ""),
        (KEYED, SettleSettings(timedelta(seconds=1)), timedelta(0), True, "it can be settled from"),
        (KEYED, PROVEN, SETTLE_AFTER, False, "it has no key"),  # no read was made before it was sent
        (replace(KEYED, may_resend=False, hint="see Payments"), SettleSettings(timedelta(0)), SETTLE_AFTER, True,
         "VENDOR is never sent again automatically; look for it: see Payments"),
    ],
)  # fmt: skip
def test_an_entry_that_was_not_found_waits_for_a_reason(
    outbox: Outbox, ledger: Ledger, lookup: LookupKeys, settings: SettleSettings, later: timedelta, searchable: bool,
    reason: str,
) -> None:  # fmt: skip
    (entry,) = doubtful(outbox, "a", operation=WriteOperation.CREATE)
    settler = Settler(cast("Gateway", Silent()), outbox, settings)
    asked = ledger.clock() + later
    told = settler._reason_to_wait(lookup, entry, searchable=searchable, asked_at=asked)
    assert told.startswith(reason) if reason.startswith(("it has", "VENDOR")) else reason in told
    assert bool(told) == bool(reason)


@in_a_file
@pytest.mark.parametrize(
    ("searchable", "later", "status", "kept"),
    [
        (True, SETTLE_AFTER, RecordStatus.REJECTED, True),
        (True, SETTLE_AFTER - timedelta(seconds=1), RecordStatus.IN_DOUBT, True),
        (False, SETTLE_AFTER, RecordStatus.IN_DOUBT, False),  # the next run tries it again
    ],
)
def test_a_refusal_proves_nothing_before_its_time(
    outbox: Outbox, ledger: Ledger, searchable: bool, later: timedelta, status: RecordStatus, kept: bool
) -> None:
    (entry,) = doubtful(outbox, "a", faults=(OTHER,))
    settler = Settler(cast("Gateway", Silent()), outbox)
    done = settler._refused_resend(entry, searchable=searchable, asked_at=ledger.clock() + later)
    assert (done.status, done.faults) == (status, (OTHER,) if kept else ())


@in_a_file
def test_a_conclusion_that_came_too_late_is_told_as_the_outbox_has_it(outbox: Outbox) -> None:
    (entry,) = doubtful(outbox, "a")
    outbox.resume([entry])
    settler = Settler(cast("Gateway", Silent()), outbox)
    late = settler._conclude(entry, RecordStatus.APPLIED, "found", "7")
    assert (late.status, late.receipt) == (RecordStatus.SENT, None)
