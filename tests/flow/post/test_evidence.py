"""What proves that a record was posted: key, creator and time; of a payment, all that it pays, and its day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import Fault, RefusedError
from intacct_bridge.flow.outbox.entry import Conclusion, Intent, OutboxEntry, WriteTarget
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.post.evidence import CLOCK_TOLERANCE, Evidence, EvidenceSearch, by_external_id, payment_key
from intacct_bridge.flow.records.lookup_keys import EXTERNALID, lookup_keys_of
from intacct_bridge.flow.records.status import RecordStatus
from intacct_bridge.flow.records.write import Receipt, WriteOperation
from intacct_bridge.model.query.query import Query
from intacct_bridge.wire.envelope import SUCCESS, Result
from intacct_bridge.wire.values import Value
from intacct_bridge.wire.xml import Element, element
from support.flow.shown import ShownRecords

NOW = datetime(2026, 11, 30, 12, 0, 0, 250_000, tzinfo=UTC)
SENT = NOW.replace(microsecond=0)
SECOND = timedelta(seconds=1)
KEY = {"JOURNAL": "GJ", "BATCH_DATE": "2026-11-30", "BATCH_TITLE": "T", "REFERENCENO": "R-1"}


def posted(number: int, *, by: str = "loader", at: datetime = SENT, **more: Value) -> dict[str, Value]:
    stamps: dict[str, Value] = {"WHENCREATED": at, "AUWHENCREATED": at, "CREATEDBYLOGINID": by}
    own: dict[str, Value] = {**KEY, "BATCH_DATE": date(2026, 11, 30), "REVERSEDFROM": None}
    return {"RECORDNO": number, **own, **stamps, **more}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=lambda: NOW, user="loader") as opened:
        yield opened


def doubtful(
    outbox: Outbox, count: int = 1, *, name: str = "GLBATCH", body: str = "", key: Mapping[str, str] = KEY
) -> list[OutboxEntry]:
    """Entries that were sent and got no answer."""
    place = WriteTarget("acme", "", WriteOperation.CREATE, name)
    intents = [
        Intent(place, f"id {number}", "d", body or f"<create>{number}</create>", key if name == "GLBATCH" else {})
        for number in range(count)
    ]
    sent = outbox.begin(outbox.plan(intents))
    return outbox.conclude(Conclusion(entry, RecordStatus.IN_DOUBT) for entry in sent)


def look(outbox: Outbox, company: ShownRecords, entries: Sequence[OutboxEntry], name: str = "GLBATCH") -> Evidence:
    return EvidenceSearch(cast("Gateway", company), outbox).look(lookup_keys_of(name), entries)


EARLIEST = SENT - CLOCK_TOLERANCE


@pytest.mark.parametrize(
    ("row", "ends"),
    [
        (posted(7), "proven"),
        (posted(7, by="LOADER"), "proven"),
        (posted(7, at=EARLIEST), "proven"),
        (posted(7, at=EARLIEST - SECOND), "in doubt"),  # ours, from before the sending
        (posted(7, by="clerk"), "in doubt"),  # it may be this one, entered by hand since
        (posted(7, by="clerk", at=EARLIEST - SECOND), "absent"),
        (posted(7, by=""), "in doubt"),
        (posted(7, by="", at=EARLIEST - SECOND), "in doubt"),
        (posted(7, WHENCREATED=None), "in doubt"),  # a time that is not shown proves nothing
        (posted(7, by="clerk", WHENCREATED=None), "in doubt"),
        (posted(7, REVERSEDFROM="5"), "absent"),  # a copy that the company made
        (posted(7, REFERENCENO="R-2"), "absent"),
        (posted(7, REFERENCENO="r-1"), "absent"),
    ],
)
def test_one_record_is_proof_or_not(outbox: Outbox, row: dict[str, Value], ends: str) -> None:
    (entry,) = doubtful(outbox)
    row = {**row, "BATCH_TITLE": "T" if row["REFERENCENO"] == "R-1" else "other"}
    evidence = look(outbox, ShownRecords({"GLBATCH": [row]}), [entry])
    assert (entry.number in evidence.proofs) == (ends == "proven")
    assert (entry.number in evidence.doubts) == (ends == "in doubt")
    if ends == "proven":
        assert evidence.proofs[entry.number].record == "7"
    assert entry.number in evidence.absent  # it was looked for in a way that would find it


def test_each_of_two_equal_entries_needs_a_record_of_its_own(outbox: Outbox) -> None:
    one, other = doubtful(outbox, 2)
    alone = look(outbox, ShownRecords({"GLBATCH": [posted(7)]}), [one, other])
    assert list(alone.proofs) == [one.number]
    assert other.number in alone.absent
    both = look(outbox, ShownRecords({"GLBATCH": [posted(8), posted(7)]}), [other, one])
    assert {number: match.record for number, match in both.proofs.items()} == {one.number: "7", other.number: "8"}


def test_a_record_that_another_receipt_claims_is_no_proof(outbox: Outbox) -> None:
    claimed, entry = doubtful(outbox, 2)
    outbox.conclude([Conclusion(claimed, RecordStatus.APPLIED, Receipt("7"))])
    evidence = look(outbox, ShownRecords({"GLBATCH": [posted(7)]}), [entry])
    assert (evidence.proofs, evidence.doubts) == ({}, {})
    another = look(outbox, ShownRecords({"GLBATCH": [posted(7), posted(9)]}), [entry])
    assert another.proofs[entry.number].record == "9"


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"BATCH_TITLE": "corrected"}, "BATCH_TITLE"),
        ({"BATCH_DATE": date(2026, 12, 1)}, "BATCH_DATE"),
        ({"REFERENCENO": "R-9"}, "REFERENCENO"),
        ({"REFERENCENO": "R-9", "BATCH_TITLE": "other"}, ""),
        ({"BATCH_TITLE": "corrected", "CREATEDBYLOGINID": "clerk"}, ""),
        ({"BATCH_TITLE": "corrected", "WHENCREATED": EARLIEST - SECOND}, ""),
        ({"BATCH_TITLE": "corrected", "REVERSEDFROM": "5"}, ""),
    ],
)
def test_a_record_of_ours_with_another_key_forbids_a_second_sending(
    outbox: Outbox, change: dict[str, Value], doubt: str
) -> None:
    (entry,) = doubtful(outbox)
    evidence = look(outbox, ShownRecords({"GLBATCH": [posted(7) | change]}), [entry])
    assert not evidence.proofs
    assert doubt in evidence.doubts.get(entry.number, "")
    assert (entry.number in evidence.doubts) == bool(doubt)


def test_a_company_that_may_not_be_asked_gives_no_evidence(outbox: Outbox) -> None:
    (entry,) = doubtful(outbox)
    evidence = look(outbox, ShownRecords(refused=("GLBATCH",)), [entry])
    assert (evidence.proofs, evidence.doubts, evidence.absent) == ({}, {}, set())


@pytest.mark.parametrize(("numbers_itself", "absent"), [(False, True), (True, False), (None, False)])
def test_a_number_that_the_company_may_have_replaced_proves_no_absence(
    outbox: Outbox, numbers_itself: bool | None, absent: bool
) -> None:
    place = WriteTarget("acme", "", WriteOperation.CREATE, "SODOCUMENT")
    key = {"DOCPARID": "Order", "DOCNO": "7"}
    entries = outbox.begin(outbox.plan([Intent(place, "id", "d", "<create/>", key)]))
    (entry,) = outbox.conclude([Conclusion(entries[0], RecordStatus.IN_DOUBT)])
    company = ShownRecords({"SODOCUMENTPARAMS": [{"DOCID": "Order", "ENABLE_SEQNUM": numbers_itself}]})
    assert (entry.number in look(outbox, company, [entry], "SODOCUMENT").absent) == absent


# --- by external id


@dataclass
class Legacy(ShownRecords):
    """A company whose `get` takes external ids."""

    ids: Mapping[str, str] = field(default_factory=dict)
    """The record of each external id."""
    understands: bool = True
    """Whether it takes the id at all; if not, it answers as if there were no such record."""
    refusals: Mapping[str, str] = field(default_factory=dict)
    """The error number for an id, where it is another than that of a missing record."""

    def ask(self, function: Element, /) -> Result:
        key = function.attributes["key"]
        assert function.attributes["externalkey"] == "true"
        if not self.understands or key not in self.ids:
            raise RefusedError("no such record", faults=(Fault(self.refusals.get(key, "NONE")),))
        bill = element("bill", element("key", self.ids[key]), element("externalid", key))
        return Result(SUCCESS, "get", "", Element("data", "", (bill,)))


def by_id(outbox: Outbox, company: ShownRecords, *external: str, known: bool = True) -> tuple[list[str], list[str]]:
    """The ids whose record is found, and those that are absent."""
    place = WriteTarget("acme", "", WriteOperation.CREATE, "APBILL")
    names = [*(["OURS"] if known else []), *external]
    intents = [Intent(place, name, "d", "<create/>", {EXTERNALID: name}) for name in names]
    sent = outbox.conclude(Conclusion(one, RecordStatus.IN_DOUBT) for one in outbox.begin(outbox.plan(intents)))
    if known:
        outbox.conclude([Conclusion(sent[0], RecordStatus.APPLIED, Receipt("1"))])
        sent = sent[1:]
    found = by_external_id(cast("Gateway", company), outbox, lookup_keys_of("APBILL"), sent)
    return [key[0][1] for key in found.found], [one.identity for one in sent if one.number in found.absent]


OURS = {"OURS": "1"}


@pytest.mark.parametrize(
    ("company", "found", "absent"),
    [
        (Legacy(ids={**OURS, "A": "7"}), ["A"], ["B"]),
        (Legacy(ids={"A": "7"}), ["A"], ["B"]),  # one that is found shows that ids are understood
        (Legacy(ids=OURS), [], ["A", "B"]),
        (Legacy(), [], []),  # not even ours is found, so that a missing one proves nothing
        (Legacy(ids=OURS, understands=False), [], []),
        (Legacy(ids=OURS, refusals={"B": "OTHER"}), [], ["A"]),  # refused for another reason
    ],
)
def test_a_missing_external_id_proves_absence_only_where_ids_are_understood(
    outbox: Outbox, company: Legacy, found: list[str], absent: list[str]
) -> None:
    assert by_id(outbox, company, "A", "B") == (found, absent)


@pytest.mark.parametrize(("ids", "found"), [(OURS, []), ({"A": "7"}, ["A"])])
def test_without_a_record_of_ours_a_missing_external_id_proves_nothing(
    outbox: Outbox, ids: Mapping[str, str], found: list[str]
) -> None:
    assert by_id(outbox, Legacy(ids=ids), "A", known=False) == (found, [])


# --- payments

PAID = date(2026, 11, 30)
BODY = (
    "<create><APPYMT><PAYMENTDATE>11/30/2026</PAYMENTDATE><APPYMTDETAILS>"
    "<APPYMTDETAIL><RECORDKEY>11</RECORDKEY><TRX_PAYMENTAMOUNT>10.00</TRX_PAYMENTAMOUNT></APPYMTDETAIL>"
    "<APPYMTDETAIL><RECORDKEY>12</RECORDKEY><TRX_PAYMENTAMOUNT>2.5</TRX_PAYMENTAMOUNT></APPYMTDETAIL>"
    "</APPYMTDETAILS></APPYMT></create>"
)
DETAILS = [(7, 11, "10", PAID), (7, 12, "2.50", PAID)]


def details(rows: Sequence[tuple[int, int, str, date]]) -> list[dict[str, Value]]:
    return [
        {"PAYMENTKEY": payment, "RECORDKEY": record, "TRX_PAYMENTAMOUNT": Decimal(amount), "PAYMENTDATE": day}
        for payment, record, amount, day in rows
    ]


@pytest.mark.parametrize(
    ("rows", "proven"),
    [
        (DETAILS, True),
        (DETAILS[::-1], True),
        (DETAILS[:1], False),
        ([*DETAILS, (7, 13, "1.00", PAID)], False),
        ([(7, 11, "10", PAID), (7, 12, "2.51", PAID)], False),
        ([(7, 11, "2.5", PAID), (7, 12, "10", PAID)], False),  # the same amounts for each other's records
        ([(7, 13, "10", PAID), (7, 12, "2.50", PAID)], False),
        ([(7, record, amount, date(2026, 11, 29)) for _, record, amount, _ in DETAILS], False),  # on another day
        ([(7, 11, "10", PAID), (7, 12, "2.50", date(2026, 11, 29))], False),
        ([(7, 11, "10", PAID), (8, 12, "2.50", PAID)], False),  # two payments
    ],
)
def test_a_payment_is_proven_by_all_that_it_pays_on_its_day(
    outbox: Outbox, rows: Sequence[tuple[int, int, str, date]], proven: bool
) -> None:
    (entry,) = doubtful(outbox, name="APPYMT", body=BODY)
    headers: list[dict[str, Value]] = [
        {"RECORDNO": number, "PAYMENTDATE": PAID, "AUWHENCREATED": SENT, "CREATEDBYLOGINID": "loader"}
        for number in (7, 8)
    ]
    company = ShownRecords({"APPYMT": headers, "APPYMTDETAIL": details(rows)})
    evidence = look(outbox, company, [entry], "APPYMT")
    assert (entry.number in evidence.proofs) == proven
    assert not evidence.absent  # a payment is never sent again for want of proof


class Private(ShownRecords):
    """A company whose records are private: only a query that asks for those gets them."""

    def query(self, query: Query, /) -> Iterator[Mapping[str, Value]]:
        yield from super().query(query) if query.show_private else ()


def test_private_records_are_evidence_too(outbox: Outbox) -> None:
    (entry,) = doubtful(outbox, name="APPYMT", body=BODY)
    header: dict[str, Value] = {"RECORDNO": 7, "PAYMENTDATE": PAID, "AUWHENCREATED": SENT, "CREATEDBYLOGINID": "loader"}
    rows = {"APPYMT": [header], "APPYMTDETAIL": details(DETAILS), "GLBATCH": [posted(7)]}
    assert look(outbox, Private(rows), [entry], "APPYMT").proofs
    (batch,) = doubtful(outbox)
    assert look(outbox, Private(rows), [batch]).proofs


@pytest.mark.parametrize(
    ("by", "at", "ends"),
    [
        ("loader", SENT, "proven"),
        (
            "loader",
            SENT - SECOND,
            "in doubt",
        ),  # someone may have paid the same by hand
        ("clerk", SENT, "in doubt"),
        ("clerk", SENT - SECOND, "absent"),
    ],
)
def test_a_payment_is_judged_by_creator_and_time(outbox: Outbox, by: str, at: datetime, ends: str) -> None:
    (entry,) = doubtful(outbox, name="APPYMT", body=BODY)
    header: dict[str, Value] = {"RECORDNO": 7, "PAYMENTDATE": PAID, "AUWHENCREATED": at, "CREATEDBYLOGINID": by}
    evidence = look(outbox, ShownRecords({"APPYMT": [header], "APPYMTDETAIL": details(DETAILS)}), [entry], "APPYMT")
    assert (entry.number in evidence.proofs) == (ends == "proven")
    assert (entry.number in evidence.doubts) == (ends == "in doubt")


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace("<RECORDKEY>12</RECORDKEY>", ""),  # it pays something that has no record
        BODY.replace("2.5<", "two<"),
        "<create><APPYMT></APPYMT></create>",
    ],
)
def test_a_payment_without_all_of_that_has_no_key(outbox: Outbox, body: str) -> None:
    (entry,) = doubtful(outbox, name="APPYMT", body=body)
    assert payment_key(entry) == ()
    assert not look(outbox, ShownRecords({"APPYMTDETAIL": details(DETAILS)}), [entry], "APPYMT").proofs
