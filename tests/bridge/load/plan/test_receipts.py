"""Receipts against the company: a record is there, or was deleted for certain, or is only hidden."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.outbox_verdict import by_outbox, is_doubtful, sent_text
from intacct_bridge.load.plan.plan import PlannedRecord, Verdict
from intacct_bridge.load.plan.receipts import ReceiptCheck, ReceiptState
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Identity, Receipt, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.writable import WritableObject
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.values import Kind, Value
from support.load.shown import ShownRecords

NOW = datetime(2026, 11, 30, 12, 0, 0, 500_000, tzinfo=UTC)
SENT = NOW.replace(microsecond=0)
SECOND = timedelta(seconds=1)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=lambda: NOW, user="loader") as opened:
        yield opened


def applied(
    outbox: Outbox, identity: str, receipt: Receipt | None, *, name: str = "VENDOR",
    operation: WriteOperation = WriteOperation.CREATE, **key: str,
) -> OutboxEntry:  # fmt: skip
    intent = new_entry(WriteTarget("acme", "", operation, name), identity, "d", f"<{operation}/>", key)
    (sent,) = outbox.begin(outbox.plan([intent]))
    (done,) = outbox.conclude([sent.ended(RecordStatus.APPLIED, receipt)])
    return done


def context_of(outbox: Outbox, company: ShownRecords, *, offline: bool = False) -> Any:
    """What a check of receipts needs of a plan, in a plan of vendors."""
    return SimpleNamespace(
        settings=SimpleNamespace(offline=offline),
        target=SimpleNamespace(company="acme"),
        outbox=outbox,
        company=company,
        unchecked=[],
        describe=lambda: VENDOR,
        references=SimpleNamespace(learn=list),
    )


def checked(outbox: Outbox, company: ShownRecords, *entries: OutboxEntry) -> dict[int, Any]:
    return dict(ReceiptCheck(context_of(outbox, company)).check(entries))


def states(
    outbox: Outbox, company: ShownRecords, *entries: OutboxEntry, offline: bool = False
) -> tuple[list[Any], list[str]]:
    """The state of each entry's receipt, None if it has none; and what could not be checked."""
    context = context_of(outbox, company, offline=offline)
    found = ReceiptCheck(context).check(entries)
    return [found[one.number].state if one.number in found else None for one in entries], context.unchecked


def deleted(key: str, *, at: datetime = SENT, mode: str = "D", name: str = "vendor") -> dict[str, Value]:
    return {"OBJECTTYPE": name, "OBJECTKEY": key, "USERID": "clerk", "ACCESSMODE": mode, "ACCESSTIME": at}


def test_a_record_that_is_there_has_its_number_and_our_last_update(outbox: Outbox) -> None:
    one = applied(outbox, "a", Receipt("7", "V-7"))
    first = applied(outbox, "u1", Receipt("7"), operation=WriteOperation.UPDATE)
    last = applied(outbox, "u2", Receipt("7"), operation=WriteOperation.UPDATE)
    company = ShownRecords({"VENDOR": [{"RECORDNO": 7, "VENDORID": "V-7"}]})
    receipts = checked(outbox, company, one, first, last)
    assert list(receipts) == [one.number]  # updates have no receipt of their own
    found = receipts[one.number]
    assert (found.state, found.number, found.correction) == (ReceiptState.VISIBLE, "7", last)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (deleted("V-7"), ReceiptState.RELEASED),
        (deleted("V-7", at=SENT + SECOND), ReceiptState.RELEASED),
        (deleted("V-7", at=SENT - SECOND), ReceiptState.HIDDEN),  # an earlier record of this name
        (deleted("V-7", mode="C"), ReceiptState.HIDDEN),
        (deleted("V-7", name="customer"), ReceiptState.HIDDEN),
        (deleted("V-8"), ReceiptState.HIDDEN),
        (deleted("7--REC", at=SENT - SECOND), ReceiptState.RELEASED),  # a record number is never used again
        (deleted("8--REC"), ReceiptState.HIDDEN),
    ],
)
def test_a_delete_in_the_audit_history_releases_the_receipt(
    outbox: Outbox, event: dict[str, Value], state: ReceiptState
) -> None:
    one = applied(outbox, "a", Receipt("7", "V-7"), VENDORID="V-7")
    assert states(outbox, ShownRecords({"AUDITHISTORY": [event]}), one) == ([state], [])
    released = state is ReceiptState.RELEASED
    assert (outbox.entry(one.number).status is RecordStatus.RELEASED) == released
    assert ("clerk" in outbox.entry(one.number).note) == released


def test_a_delete_of_ours_releases_the_receipt_without_a_question(outbox: Outbox) -> None:
    one = applied(outbox, "a", Receipt("7"))
    delete = applied(outbox, "d", Receipt("7"), operation=WriteOperation.DELETE)
    other = applied(outbox, "b", Receipt("8"))
    company = ShownRecords(refused=("AUDITHISTORY",))
    found, unchecked = states(outbox, company, one, other)
    assert found[1] is ReceiptState.HIDDEN
    assert found[0] in (ReceiptState.RELEASED, None)
    assert outbox.entry(one.number).status is RecordStatus.RELEASED
    assert unchecked == ["deletes of VENDOR in the audit history: no permission"]
    assert delete.status is RecordStatus.APPLIED


def test_what_cannot_be_asked_is_named_as_unchecked(outbox: Outbox) -> None:
    one, bare = applied(outbox, "a", Receipt("7")), applied(outbox, "b", None)
    refusing = ShownRecords(refused=("VENDOR",))
    assert states(outbox, refusing, one, bare) == (
        [ReceiptState.UNCHECKED, None],
        [
            f"receipts of VENDOR: outbox entries without a record key ({bare.number})",
            "receipts of VENDOR: no permission",
        ],
    )
    assert states(outbox, refusing, one, offline=True) == ([None], [])
    file = applied(outbox, "f", Receipt("9"), name="SUPDOC")
    assert states(outbox, ShownRecords(), file) == (
        [ReceiptState.UNCHECKED],
        ["receipts of SUPDOC: they cannot be queried"],
    )


DAY = timedelta(days=1)


def test_only_later_writes_of_ours_count_and_the_last_of_them(outbox: Outbox) -> None:
    """A record may have been updated or deleted by us before the entry that claims it was planned."""
    applied(outbox, "u0", Receipt("7"), operation=WriteOperation.UPDATE)
    applied(outbox, "d0", Receipt("8"), operation=WriteOperation.DELETE)
    one, other = applied(outbox, "a", Receipt("7")), applied(outbox, "b", Receipt("8"))
    shown = ShownRecords({"VENDOR": [{"RECORDNO": 7, "VENDORID": "V-7"}]})
    found = checked(outbox, shown, one, other)
    assert found[one.number].correction is None
    assert found[other.number].state is ReceiptState.HIDDEN
    *_, last = [applied(outbox, f"u{at}", Receipt("7"), operation=WriteOperation.UPDATE) for at in (1, 2, 3)]
    assert checked(outbox, shown, one)[one.number].correction == last


def test_a_record_without_an_outcome_has_no_receipt_to_check(outbox: Outbox) -> None:
    intents = [
        new_entry(WriteTarget("acme", "", WriteOperation.CREATE, "VENDOR"), one, "d", "<create/>") for one in "ab"
    ]
    begun, other = outbox.begin(outbox.plan(intents))
    outbox.conclude([other.ended(RecordStatus.IN_DOUBT)])
    assert states(outbox, ShownRecords(), begun, outbox.entry(other.number)) == ([None, None], [])


def test_records_without_a_key_are_named_by_object(outbox: Outbox) -> None:
    bare = [applied(outbox, str(at), None, name=name) for at, name in enumerate(("VENDOR", "APBILL", "VENDOR"))]
    first, second, third = (one.number for one in bare)
    assert states(outbox, ShownRecords(), *bare)[1] == [
        f"receipts of VENDOR: outbox entries without a record key ({first}, {third})",
        f"receipts of APBILL: outbox entries without a record key ({second})",
    ]


@dataclass
class Listening(ShownRecords):
    """A company that keeps the questions."""

    asked: list[Query] = field(default_factory=list)

    def query(self, query: Query, /) -> Any:
        self.asked.append(query)
        return super().query(query)


def test_a_receipt_is_asked_for_by_the_key_that_it_has(outbox: Outbox) -> None:
    """A number as a number; an order by its name, and one of digits stays a text."""
    vendor = applied(outbox, "a", Receipt("7"))
    orders = [applied(outbox, one, Receipt(one), name="SODOCUMENT") for one in ("12", "Zoe\u0301")]
    rows: list[dict[str, Value]] = [{"DOCID": "12", "RECORDNO": "5"}, {"DOCID": "Zo\u00e9", "RECORDNO": "6"}]
    company = Listening({"VENDOR": [{"RECORDNO": 7}], "SODOCUMENT": rows, "CLASSGROUP": [{"RECORDNO": "8"}]})
    found = checked(outbox, company, vendor, *orders)
    assert [found[one.number].number for one in (vendor, *orders)] == ["7", "5", "6"]
    group = applied(outbox, "g", Receipt("8"), name="CLASSGROUP")
    checked(outbox, company, group)
    by_number, by_name, by_text = company.asked
    assert "'8'" in str(by_text.where), "record numbers that are texts stay texts"
    assert (by_number.select, by_name.select) == (("RECORDNO",), ("DOCID", "RECORDNO", "STATE"))
    assert by_number.show_private and by_name.show_private
    assert "7" in str(by_number.where) and "'7'" not in str(by_number.where)
    assert "'12'" in str(by_name.where)


@pytest.mark.parametrize(
    ("receipt", "key"),
    [(Receipt("7"), {"VENDORID": "V-7"}), (Receipt("7", "V-7"), {}), (Receipt("7", "V-7"), {"NAME": "x"})],
)
def test_a_name_is_known_from_the_key_that_was_sent_or_from_the_answer(
    outbox: Outbox, receipt: Receipt, key: dict[str, Any]
) -> None:
    one = applied(outbox, "a", receipt, **key)
    assert states(outbox, ShownRecords({"AUDITHISTORY": [deleted("V-7")]}), one)[0] == [ReceiptState.RELEASED]


def test_a_deleted_order_is_one_of_this_name_that_was_there_when_it_was_sent(outbox: Outbox) -> None:
    """Its receipt has a name, which is free again once an order was deleted."""
    order = applied(outbox, "a", Receipt("Sales Order-1"), name="SODOCUMENT")
    before, after = (deleted("Sales Order-1", at=SENT + one, name="sodocument") for one in (-SECOND, SECOND))
    assert states(outbox, ShownRecords({"AUDITHISTORY": [before]}), order)[0] == [ReceiptState.HIDDEN]
    assert states(outbox, ShownRecords({"AUDITHISTORY": [after]}), order)[0] == [ReceiptState.RELEASED]


@pytest.mark.parametrize("when", [None, "yesterday", datetime(2026, 12, 24)])
def test_a_name_deleted_at_no_certain_time_proves_nothing(outbox: Outbox, when: Any) -> None:
    class Untimed(ShownRecords):
        def query(self, query: Query, /) -> Iterator[Any]:
            return iter([{"OBJECTKEY": "V-7", "USERID": "x", "ACCESSTIME": when}] if query.object != "VENDOR" else [])

    one = applied(outbox, "a", Receipt("7", "V-7"), VENDORID="V-7")
    assert states(outbox, Untimed(), one)[0] == [ReceiptState.HIDDEN]


def test_the_audit_history_is_asked_from_a_day_before_the_first_sending(tmp_path: Path) -> None:
    now = [NOW]
    with Outbox(tmp_path / "o.sqlite3", clock=lambda: now[0]) as outbox:
        names = ("V-1", "V-2", "V-3")
        entries = []
        for number, name in enumerate(names, 1):
            entries.append(applied(outbox, name, Receipt(str(number), name), VENDORID=name))
            now[0] += 3 * DAY
        events = [deleted("V-1", at=SENT), deleted("2--REC", at=SENT - DAY), deleted("3--REC", at=SENT - DAY - SECOND)]
        found, _ = states(outbox, ShownRecords({"AUDITHISTORY": events}), *entries)
    assert found == [ReceiptState.RELEASED, ReceiptState.RELEASED, ReceiptState.HIDDEN]


def test_a_record_planned_before_and_sent_later_counts_from_its_sending(tmp_path: Path) -> None:
    now = [NOW]
    with Outbox(tmp_path / "o.sqlite3", clock=lambda: now[0]) as outbox:
        intent = new_entry(
            WriteTarget("acme", "", WriteOperation.CREATE, "VENDOR"), "a", "d", "<c/>", {"VENDORID": "V-1"}
        )
        planned = outbox.plan([intent])
        assert planned[0].since == NOW
        now[0] += 2 * DAY
        (sent,) = outbox.begin(planned)
        (one,) = outbox.conclude([sent.ended(RecordStatus.APPLIED, Receipt("7", "V-1"))])
        assert one.since == NOW + 2 * DAY
        between = ShownRecords({"AUDITHISTORY": [deleted("V-1", at=NOW + DAY)]})
        assert states(outbox, between, one)[0] == [ReceiptState.HIDDEN]


# --- the verdict

ROW = SourceRow("v.csv", 3, {})
FIELDS: dict[str, Value] = {"VENDORID": "V-7", "NAME": "new"}
WRITE = Write(WriteOperation.CREATE, "VENDOR", FIELDS, Identity("a", "key"), "d", "vendor V-7", (ROW,))
VENDOR = WritableObject(
    object_def("VENDOR", [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("VENDORID", Kind.TEXT),
                          FieldDef("NAME", Kind.TEXT)]),
    (), lookup_keys_of("VENDOR"), None, "create",
)  # fmt: skip


def decided(
    outbox: Outbox, company: ShownRecords, *pairs: tuple[Write, OutboxEntry | None], offline: bool = False
) -> list[PlannedRecord]:
    records = [PlannedRecord.of(write) for write, _ in pairs]
    check = ReceiptCheck(context_of(outbox, company, offline=offline))
    return check.decide(records, [entry for _, entry in pairs])


def test_the_verdict_on_a_record_follows_from_its_receipt(outbox: Outbox) -> None:
    there, hidden, gone = (applied(outbox, one, Receipt(one, f"V-{one}"), VENDORID=f"V-{one}") for one in "789")
    company = ShownRecords({"VENDOR": [{"RECORDNO": 7, "VENDORID": "V-7"}], "AUDITHISTORY": [deleted("V-9")]})
    new, known, unseen, free = decided(outbox, company, (WRITE, None), (WRITE, there), (WRITE, hidden), (WRITE, gone))
    assert (new, free) == (PlannedRecord.of(WRITE), PlannedRecord.of(WRITE))
    assert (known.verdict, known.receipt, known.since) == (Verdict.UNCHANGED, there.receipt, NOW)
    assert (unseen.verdict, unseen.receipt, unseen.since) == (Verdict.REFUSED, hidden.receipt, NOW)
    (finding,) = unseen.findings
    assert (finding.rule, finding.position, finding.refuses) == ("hidden", "v.csv:3", True)
    assert finding.message == "vendor V-7 was posted on 2026-11-30 as VENDOR 8; it is not visible now"
    (offline,) = decided(outbox, ShownRecords(), (WRITE, hidden), offline=True)
    assert offline.verdict is Verdict.UNCHANGED


@pytest.mark.parametrize(
    ("digest", "name", "verdict"),
    [("d", "other", Verdict.UNCHANGED), ("e", "new", Verdict.UNCHANGED), ("e", "other", Verdict.REFUSED),
     ("e", None, Verdict.REFUSED)],
)  # fmt: skip
def test_a_corrected_record_must_say_what_its_correction_left(
    outbox: Outbox, digest: str, name: str | None, verdict: Verdict
) -> None:
    """Its correction has this content, or the company's record has."""
    one = applied(outbox, "a", Receipt("7", "V-7"), VENDORID="V-7")
    update = new_entry(WriteTarget("acme", "", WriteOperation.UPDATE, "VENDOR"), "u", digest, "<update/>")
    (sent,) = outbox.begin(outbox.plan([update]))
    outbox.conclude([sent.ended(RecordStatus.APPLIED, Receipt("7"))])
    company = ShownRecords({"VENDOR": [{"RECORDNO": 7, "VENDORID": "V-7", "NAME": name}]})
    plain, found = decided(outbox, company, (WRITE, None), (WRITE, one))
    assert plain.verdict is Verdict.CREATE
    assert (found.verdict, found.receipt, found.since) == (verdict, Receipt("7", "V-7"), NOW)
    if verdict is Verdict.REFUSED:
        (finding,) = found.findings
        assert (finding.rule, finding.position) == ("conflict", "v.csv:3")
        assert "was corrected on 2026-11-30" in finding.message
        assert f"(NAME: {name or '(empty)'} -> new)" in finding.message


def test_a_corrected_record_that_the_company_numbered_says_nothing_of_its_number(outbox: Outbox) -> None:
    """The same file is loaded again after a correction of a field that it does not have."""
    one = applied(outbox, "a", Receipt("7", "VEND-00007"), NAME="new")
    update = new_entry(WriteTarget("acme", "", WriteOperation.UPDATE, "VENDOR"), "u", "e", "<update/>")
    (sent,) = outbox.begin(outbox.plan([update]))
    outbox.conclude([sent.ended(RecordStatus.APPLIED, Receipt("7"))])
    company = ShownRecords({"VENDOR": [{"RECORDNO": 7, "VENDORID": "VEND-00007", "NAME": "new"}]})
    unnumbered = replace(WRITE, fields={"VENDORID": None, "NAME": "new"})
    emptied = replace(WRITE, fields={"VENDORID": None, "NAME": None})
    same, other = decided(outbox, company, (unnumbered, one), (emptied, one))
    assert same.verdict is Verdict.UNCHANGED
    assert other.verdict is Verdict.REFUSED
    assert "(NAME: new -> (empty))" in other.findings[0].message


@pytest.mark.parametrize(
    ("status", "digest", "verdict"),
    [
        (RecordStatus.APPLIED, "d", Verdict.UNCHANGED),
        (RecordStatus.APPLIED, "e", Verdict.REFUSED),
        (RecordStatus.SENT, "d", Verdict.IN_DOUBT),
        (RecordStatus.IN_DOUBT, "d", Verdict.IN_DOUBT),
        (RecordStatus.IN_DOUBT, "e", Verdict.REFUSED),
        (RecordStatus.PLANNED, "e", Verdict.CREATE),
        (RecordStatus.REJECTED, "e", Verdict.CREATE),
        (RecordStatus.NOT_SENT, "e", Verdict.CREATE),
        (RecordStatus.RELEASED, "e", Verdict.CREATE),
    ],
)
def test_the_verdict_of_the_outbox(outbox: Outbox, status: RecordStatus, digest: str, verdict: Verdict) -> None:
    receipt = Receipt("7") if status is RecordStatus.APPLIED else None
    entry = replace(applied(outbox, "a", Receipt("7")), status=status, digest=digest, receipt=receipt)
    found = by_outbox(PlannedRecord.of(WRITE), entry)
    assert found.verdict is verdict
    judged_by_it = verdict is not Verdict.CREATE
    assert (found.receipt, found.since) == ((receipt, NOW) if judged_by_it else (None, None))
    assert [one.position for one in found.findings] == (["v.csv:3"] if verdict is Verdict.REFUSED else [])
    assert is_doubtful(entry) == (status in (RecordStatus.SENT, RecordStatus.IN_DOUBT))
    assert not is_doubtful(None) and by_outbox(found, None) is found


def test_what_was_sent_is_told_with_its_day_and_record(outbox: Outbox) -> None:
    entry = applied(outbox, "a", Receipt("7"))
    assert sent_text(WRITE, entry) == "posted on 2026-11-30 as VENDOR 7"
    assert sent_text(WRITE, replace(entry, receipt=Receipt("", "V-7"))) == "posted on 2026-11-30"
    doubtful = replace(entry, status=RecordStatus.IN_DOUBT, receipt=None, sent_at=None, planned_at=NOW - DAY)
    assert sent_text(WRITE, doubtful) == "sent (its outcome is in doubt) on 2026-11-29"
