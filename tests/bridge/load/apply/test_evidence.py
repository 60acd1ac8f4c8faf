"""What proves that a record was posted: key, creator and time; of a payment, all that it pays, and its day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.apply.evidence import CLOCK_TOLERANCE, Evidence, EvidenceSearch, by_external_id, payment_key
from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.lookup_keys import EXTERNALID, lookup_keys_of
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Receipt, WriteOperation
from intacct_bridge.shared_state.place import Place
from intacct_protocol.errors import Fault, RefusedError
from intacct_protocol.model.catalog import FieldDef, ObjectDef, object_def
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.envelope import SUCCESS, Result
from intacct_protocol.xml.values import Kind, Value
from intacct_protocol.xml.xml import Element, element
from support.load.shown import OBJECTS, ShownRecords

NOW = datetime(2026, 11, 30, 12, 0, 0, 250_000, tzinfo=UTC)
SENT = NOW.replace(microsecond=0)
SECOND = timedelta(seconds=1)
KEY = {"JOURNAL": "GJ", "BATCH_DATE": "2026-11-30", "BATCH_TITLE": "T", "REFERENCENO": "R-1"}


def posted(number: int, *, by: str = "loader", at: datetime = SENT, **more: Value) -> dict[str, Value]:
    stamps: dict[str, Value] = {"WHENCREATED": at, "AUWHENCREATED": at, "CREATEDBYLOGINID": by}
    own: dict[str, Value] = {**KEY, "BATCH_DATE": date(2026, 11, 30), "REVERSEDFROM": None}
    return {"RECORDNO": number, **own, **stamps, **more}


@pytest.fixture
def outbox(place: Place) -> Iterator[Outbox]:
    with Outbox(place, clock=lambda: NOW, user="loader") as opened:
        yield opened


def doubtful(
    outbox: Outbox, count: int = 1, *, name: str = "GLBATCH", body: str = "", key: Mapping[str, str] = KEY
) -> list[OutboxEntry]:
    """Entries that were sent and got no answer."""
    place = WriteTarget("acme", "", WriteOperation.CREATE, name)
    intents = [
        new_entry(place, f"id {number}", "d", body or f"<create>{number}</create>", key if name == "GLBATCH" else {})
        for number in range(count)
    ]
    sent = outbox.begin(outbox.plan(intents))
    return outbox.conclude(entry.ended(RecordStatus.IN_DOUBT) for entry in sent)


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
    outbox.conclude([claimed.ended(RecordStatus.APPLIED, Receipt("7"))])
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
    entries = outbox.begin(outbox.plan([new_entry(place, "id", "d", "<create/>", key)]))
    (entry,) = outbox.conclude([entries[0].ended(RecordStatus.IN_DOUBT)])
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
    """The error number for an id, if it is another than that of a missing record."""

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
    before = len(list(outbox.entries()))
    intents = [new_entry(place, f"{name} after {before}", "d", "<create/>", {EXTERNALID: name}) for name in names]
    sent = outbox.conclude(one.ended(RecordStatus.IN_DOUBT) for one in outbox.begin(outbox.plan(intents)))
    if known:
        outbox.conclude([sent[0].ended(RecordStatus.APPLIED, Receipt("1"))])
        sent = sent[1:]
    found = by_external_id(cast("Gateway", company), outbox, lookup_keys_of("APBILL"), sent)
    return [key[0][1] for key in found.records], [
        one.lookup_key[EXTERNALID] for one in sent if one.number in found.absent
    ]


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
        *(([(7, 11, "10", PAID), (7, 12, "2.50", date(2026, 11, day))], False) for day in range(20, 30)),
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


@dataclass
class Listening(ShownRecords):
    """A company that keeps the questions."""

    asked: list[Query] = field(default_factory=list)

    def query(self, query: Query, /) -> Iterator[Mapping[str, Value]]:
        self.asked.append(query)
        return super().query(query)


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


# --- which record proves which entry

in_a_file = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
"""For laws that do not depend on where the outbox is."""


def with_key(outbox: Outbox, name: str, *keys: Mapping[str, str]) -> list[OutboxEntry]:
    place = WriteTarget("acme", "", WriteOperation.CREATE, name)
    intents = [new_entry(place, str(key), "d", "<create/>", key) for key in keys]
    return outbox.conclude(e.ended(RecordStatus.IN_DOUBT) for e in outbox.begin(outbox.plan(intents)))


@in_a_file
def test_logins_are_compared_in_any_case_and_no_login_is_nobody_s(outbox: Outbox) -> None:
    (entry,) = doubtful(outbox)
    upper = replace(entry, user="LoaDer")
    assert look(outbox, ShownRecords({"GLBATCH": [posted(7)]}), [upper]).proofs
    before = look(outbox, ShownRecords({"GLBATCH": [posted(7, by="LOADER", at=EARLIEST - SECOND)]}), [upper])
    assert before.doubts[entry.number].startswith("record 7 has its key, created by LOADER at 2026-11-30 09:59:59 UTC")
    nobody = look(outbox, ShownRecords({"GLBATCH": [posted(7, by="")]}), [replace(entry, user="")])
    assert not nobody.proofs and "created by an unknown user at 2026-11-30 12:00:00 UTC" in nobody.doubts[entry.number]
    unseen = look(outbox, ShownRecords({"GLBATCH": [posted(7, WHENCREATED=None)]}), [entry])
    assert "created by loader at an unknown time" in unseen.doubts[entry.number]


@in_a_file
def test_a_record_proves_the_entry_of_its_own_key(outbox: Outbox) -> None:
    one, other = with_key(outbox, "GLBATCH", KEY, {**KEY, "REFERENCENO": "R-2", "BATCH_TITLE": "U"})
    evidence = look(outbox, ShownRecords({"GLBATCH": [posted(7, REFERENCENO="R-2", BATCH_TITLE="U")]}), [one, other])
    assert list(evidence.proofs) == [other.number]
    assert evidence.doubts == {}


@in_a_file
def test_a_proven_record_is_no_edited_one_of_another_entry_and_has_no_doubts(outbox: Outbox) -> None:
    """Both entries have the same reference; so has the record that proves the first."""
    one, other = with_key(outbox, "GLBATCH", KEY, {**KEY, "BATCH_TITLE": "U"})
    evidence = look(
        outbox, ShownRecords({"GLBATCH": [posted(7), posted(8, BATCH_TITLE="edited", at=SENT)]}), [one, other]
    )
    assert list(evidence.proofs) == [one.number]
    assert list(evidence.doubts) == [other.number]
    assert evidence.doubts[other.number].startswith("record 8, created by loader at 2026-11-30 12:00:00 UTC, may be")
    alone = look(outbox, ShownRecords({"GLBATCH": [posted(7)]}), [one, other])
    assert (list(alone.proofs), alone.doubts) == ([one.number], {})


@in_a_file
def test_an_edited_record_that_a_receipt_claims_is_another_one(outbox: Outbox) -> None:
    (entry,) = doubtful(outbox)
    (claimed,) = with_key(outbox, "GLBATCH", {**KEY, "REFERENCENO": "R-5"})
    outbox.conclude([claimed.ended(RecordStatus.APPLIED, Receipt("7"))])
    edited = posted(7, BATCH_TITLE="edited")
    assert look(outbox, ShownRecords({"GLBATCH": [edited]}), [entry]).doubts == {}
    foreign = posted(6, BATCH_TITLE="edited", by="clerk")
    both = look(outbox, ShownRecords({"GLBATCH": [foreign, edited, posted(8, BATCH_TITLE="edited")]}), [entry])
    assert both.doubts[entry.number].startswith("record 8,")


@in_a_file
def test_a_doubt_about_the_key_itself_counts_before_an_edited_record(outbox: Outbox) -> None:
    (entry,) = doubtful(outbox)
    rows = [posted(7, by="clerk"), posted(9, BATCH_TITLE="edited")]
    assert (
        look(outbox, ShownRecords({"GLBATCH": rows}), [entry]).doubts[entry.number].startswith("record 7 has its key")
    )


@in_a_file
def test_edited_records_are_looked_for_from_the_first_sending_on(place: Place) -> None:
    now = [NOW]
    with Outbox(place, clock=lambda: now[0], user="loader") as outbox:
        (first,) = with_key(outbox, "GLBATCH", KEY)
        now[0] += timedelta(days=5)
        (second,) = with_key(outbox, "GLBATCH", {**KEY, "REFERENCENO": "R-5", "BATCH_TITLE": "V"})
        rows = Private({"GLBATCH": [posted(7, BATCH_TITLE="edited")]})
        assert list(look(outbox, rows, [first, second]).doubts) == [first.number]


@in_a_file
@pytest.mark.parametrize("key", [{"VENDORID": "V-1"}, {"DOCPARID": "Order", "DOCNO": "7"}])
def test_a_short_key_without_its_number_says_nothing(outbox: Outbox, key: dict[str, str]) -> None:
    """Another order of the same kind, or another vendor, of the same user is another record."""
    name = "VENDOR" if "VENDORID" in key else "SODOCUMENT"
    (entry,) = with_key(outbox, name, key)
    stamps: dict[str, Value] = {"WHENCREATED": SENT, "AUWHENCREATED": SENT, "CREATEDBYLOGINID": "loader"}
    row: dict[str, Value] = {"RECORDNO": "9" if name == "SODOCUMENT" else 9, "VENDORID": "V-2", "DOCPARID": "Order",
                             "DOCNO": "8", "DOCID": "Order-8", **stamps}  # fmt: skip
    shown = {one.name for one in OBJECTS[name]}
    company = ShownRecords({name: [{field: value for field, value in row.items() if field in shown}]})
    assert look(outbox, company, [entry], name).doubts == {}


@in_a_file
def test_a_key_of_three_fields_without_its_number_says_nothing(outbox: Outbox) -> None:
    three = {name: text for name, text in KEY.items() if name != "JOURNAL"}
    (entry,) = with_key(outbox, "GLBATCH", three)
    assert look(outbox, ShownRecords({"GLBATCH": [posted(7, REFERENCENO="R-9")]}), [entry]).doubts == {}
    assert look(outbox, ShownRecords({"GLBATCH": [posted(7, BATCH_TITLE="U")]}), [entry]).doubts


@in_a_file
def test_a_record_that_appears_between_two_questions_forbids_a_second_sending(outbox: Outbox) -> None:
    class Late(ShownRecords):
        questions = 0

        def query(self, query: Query, /) -> Iterator[Mapping[str, Value]]:
            self.questions += 1
            yield from super().query(query) if self.questions > 1 else ()

    (entry,) = doubtful(outbox)
    evidence = look(outbox, Late({"GLBATCH": [posted(7)]}), [entry])
    assert (
        evidence.doubts[entry.number]
        == "record 7, created by loader at 2026-11-30 12:00:00 UTC, may be this one: check it"
    )


# --- external ids as evidence


BILL: dict[str, Value] = {"RECORDNO": 7, "WHENCREATED": SENT, "AUWHENCREATED": SENT, "CREATEDBYLOGINID": "loader"}


@in_a_file
@pytest.mark.parametrize(
    ("rows", "proven", "doubt"),
    [
        ([BILL], True, ""),
        ([{**BILL, "RECORDNO": 8}], False, "record 7 has its key, created by an unknown user at an unknown time"),
        ([{**BILL, "CREATEDBYLOGINID": "clerk"}], False, "record 7 has its key, created by clerk"),
    ],
)  # fmt: skip
def test_a_record_found_by_its_external_id_is_judged_as_any_other(
    outbox: Outbox, rows: list[dict[str, Value]], proven: bool, doubt: str
) -> None:
    class PrivateLegacy(Legacy, Private):
        pass

    one, missing = with_key(outbox, "APBILL", {EXTERNALID: "A"}, {EXTERNALID: "B"})
    evidence = look(outbox, PrivateLegacy({"APBILL": rows}, ids={"A": "7"}), [one, missing], "APBILL")
    assert list(evidence.proofs) == ([one.number] if proven else [])
    assert evidence.doubts.get(one.number, "").startswith(doubt) and bool(evidence.doubts) == bool(doubt)
    assert evidence.absent == {missing.number}


@in_a_file
def test_an_external_id_that_can_be_queried_is_not_asked_of_the_legacy_get(outbox: Outbox) -> None:
    class Queryable(ShownRecords):
        def describe(self, name: str, doc_par_id: str | None = None, /) -> ObjectDef:
            return object_def(name, [*OBJECTS[name], FieldDef(EXTERNALID, Kind.TEXT)])

    one, missing = with_key(outbox, "APBILL", {EXTERNALID: "A"}, {EXTERNALID: "B"})
    evidence = look(outbox, Queryable({"APBILL": [{**BILL, EXTERNALID: "A"}]}), [one, missing], "APBILL")
    assert list(evidence.proofs) == [one.number]
    assert missing.number in evidence.absent


@in_a_file
def test_an_object_without_a_legacy_get_has_no_answer(outbox: Outbox) -> None:
    """Nor has one that the legacy functions do not know."""
    for name in ("APADJUSTMENT", "CUSTOM"):
        (entry,) = with_key(outbox, name, {EXTERNALID: "A"})
        found = by_external_id(
            cast("Gateway", object()), outbox, replace(lookup_keys_of("APBILL"), object=name), [entry]
        )
        assert (found.records, found.absent) == ({}, frozenset())


@in_a_file
def test_an_external_id_counts_in_either_form_and_as_it_is_answered(outbox: Outbox) -> None:
    """The record must have the id; one that the company answers instead is another."""
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    assert by_id(outbox, Legacy(ids={**OURS, decomposed: "7"}), composed) == ([composed], [])
    assert by_id(outbox, Legacy(ids=OURS), composed) == ([], [composed])
    assert by_id(outbox, Legacy(ids=OURS, refusals={decomposed: "OTHER"}), composed) == ([], [])

    class Careless(Legacy):
        def ask(self, function: Element, /) -> Result:
            key = function.attributes["key"]
            shown = f" {key} " if key in self.ids else "ELSE"
            bill = element("bill", element("key", f" {self.ids.get(key, '9')} "), element("externalid", shown))
            return Result(SUCCESS, "get", "", Element("data", "", () if key.startswith("ib1-") else (bill,)))

    assert by_id(outbox, Careless(ids={**OURS, "A": "7"}), "A", "B") == (["A"], [])

    class Brief(Legacy):
        def ask(self, function: Element, /) -> Result:
            found = function.attributes["key"] in self.ids
            return super().ask(function) if found else Result(SUCCESS, "get", "", self.empty)

        empty: Element | None = None

    for empty in (None, Element("data")):
        Brief.empty = empty
        assert by_id(outbox, Brief(ids=OURS), "A") == ([], ["A"]), "an answer without a record"


# --- the key of a payment


@in_a_file
@pytest.mark.parametrize(
    ("record", "amount", "day"),
    [
        ("RECORDKEY", "TRX_PAYMENTAMOUNT", "PAYMENTDATE"),
        ("invoicekey", "amount", "RECEIPTDATE"),
        ("RECORDKEY", "PAYMENTAMOUNT", "RECEIPTDATE"),
    ],
)
def test_a_payment_has_a_key_in_every_function_that_makes_one(
    outbox: Outbox, record: str, amount: str, day: str
) -> None:
    body = BODY.replace("RECORDKEY", record).replace("TRX_PAYMENTAMOUNT", amount).replace("PAYMENTDATE", day)
    body = body.replace(">11<", "> 11 <").replace(">10.00<", "> 10.00 <").replace(">11/", "> 11/")
    (entry,) = doubtful(outbox, name="APPYMT", body=body)
    assert payment_key(entry) == (("11", "1 x 10"), ("12", "1 x 2.5"), ("", "2026-11-30"))


@in_a_file
def test_payments_that_may_not_be_read_are_no_evidence(outbox: Outbox) -> None:
    (entry,) = doubtful(outbox, name="APPYMT", body=BODY)
    evidence = look(outbox, ShownRecords(refused=("APPYMTDETAIL",)), [entry], "APPYMT")
    assert (evidence.proofs, evidence.doubts, evidence.absent) == ({}, {}, set())


@in_a_file
def test_a_record_is_judged_by_the_fields_that_its_object_has(outbox: Outbox) -> None:
    class Bare(Listening):
        def describe(self, name: str, doc_par_id: str | None = None, /) -> ObjectDef:
            return object_def(name, [one for one in OBJECTS[name] if one.name != "REVERSEDFROM"])

    (entry,) = doubtful(outbox)
    company = Bare({"GLBATCH": [posted(7)]})
    assert look(outbox, company, [entry]).proofs
    assert look(outbox, company, [replace(entry, lookup_key={**KEY, "REFERENCENO": "R-9"})]).doubts
    assert all("REVERSEDFROM" not in query.select and "" not in query.select for query in company.asked)
