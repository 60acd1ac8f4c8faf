"""`target-intacct` against the emulated company: streams, states, refusals, doubt, hotglue's account."""

import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.plan.plan import MatchRules
from intacct_bridge.operations.exit_statuses import USAGE
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.objects import VENDORS, LoadScenario
from support.journeys.piping import Pipe, record, schema, state
from support.small_company import Clock, client

FAILED, IN_DOUBT = 1, 5


CLASSES = schema("CLASS", "CLASSID", "NAME", keys=["CLASSID"])
ENTRY: dict[str, Any] = {
    "id": "J1",
    "transactionDate": "2026-11-30T00:00:00Z",
    "type": "GJ",
    "journalDesc": "Rent",
    "lines": [
        {"accountNumber": "68000", "amount": 0.3, "postingType": "Debit", "locationId": "100"},
        {"accountNumber": "10010", "amount": 0.3, "postingType": "Credit", "locationId": "100"},
    ],
}


def test_an_object_by_its_own_names_is_created_then_updated_then_left_alone(pipe: Pipe) -> None:
    first = pipe([CLASSES, record("CLASS", CLASSID="T-1", NAME="One"), state({"n": 1})])
    assert (first.status, first.states) == (0, [{"n": 1}])
    second = pipe([CLASSES, record("CLASS", CLASSID="T-1", NAME="Uno"), state({"n": 2})])
    assert (second.status, second.states) == (0, [{"n": 2}])
    assert "1 updated" in second.err
    assert "1 already in Intacct" in pipe([CLASSES, record("CLASS", CLASSID="T-1", NAME="Uno")]).err
    assert pipe.rows("CLASS")[-1]["NAME"] == "Uno"


def test_unified_streams_of_version_one_are_loaded_with_their_references(pipe: Pipe) -> None:
    bill = record(
        "Bills", number="1", invoiceNumber="B-1", vendorId="SV1", createdAt="2026-11-20", issueDate="2026-11-20",
        dueDate="2026-12-20", currency="USD", lineItems=[{"accountNumber": "68000", "totalPrice": 12.5,
                                                          "locationId": "100"}],
    )  # fmt: skip
    ran = pipe(
        [
            schema("Suppliers", "vendorNumber", keys=["vendorNumber"]),
            schema("Bills", "number", keys=["number"]),
            bill,
            record("Suppliers", vendorNumber="SV1", vendorName="Acme", currency="USD"),
        ]
    )
    assert ran.status == FAILED, "the bill came first, and was sent first"
    assert [letter["stream"] for letter in ran.letters] == ["Bills", "Bills"]
    again = pipe((json.dumps(ran.letters[0]) + "\n" + json.dumps(ran.letters[1]) + "\n").encode())
    assert again.status == 0, "what was refused can be piped in again as it is"
    assert [row["RECORDID"] for row in pipe.rows("APBILL")] == ["B-1"]


def test_the_schema_setting_chooses_between_the_versions(pipe: Pipe) -> None:
    vendor = record("Vendors", vendorNumber="V2-1", vendorName="Bolt", isActive=True)
    assert pipe([schema("Vendors", "vendorNumber"), vendor], schema="v2").status == 0
    assert [row["VENDORID"] for row in pipe.rows("VENDOR")] == ["V2-1"]


def test_the_summary_of_deletes_says_so(pipe: Pipe) -> None:
    one = record("CLASS", CLASSID="T-1", NAME="One")
    assert pipe([CLASSES, one]).err.startswith("1 written")
    assert pipe([CLASSES, one], mode="delete").err.startswith("1 deleted")


def test_an_id_that_comes_as_a_float_is_the_id_that_came_as_a_whole_number(pipe: Pipe) -> None:
    classes = schema("CLASS", "CLASSID", "NAME", keys=["CLASSID"])
    assert pipe([classes, record("CLASS", CLASSID=1001, NAME="One")]).status == 0
    again = pipe([classes, record("CLASS", CLASSID=1001.0, NAME="Uno")])
    assert "1 updated" in again.err
    assert [row["NAME"] for row in pipe.rows("CLASS") if row["CLASSID"].startswith("1001")] == ["Uno"]


def test_a_byte_order_mark_before_the_first_message_is_passed_over(pipe: Pipe) -> None:
    """PowerShell puts one there when it pipes UTF-8."""
    lines = "\r\n".join(json.dumps(one) for one in [CLASSES, record("CLASS", CLASSID="T-1", NAME="Über"), state(1)])
    ran = pipe(lines.encode("utf-8-sig"))
    assert (ran.status, ran.states) == (0, [1]), ran.err
    assert pipe.rows("CLASS")[-1]["NAME"] == "Über"


def test_a_date_with_two_meanings_is_refused_in_every_window(pipe: Pipe) -> None:
    """The rest of the stream, which the target has not seen yet, may show that 10/11 is the tenth of November."""
    lines = [{"ACCOUNTNO": account, "TR_TYPE": side, "TRX_AMOUNT": "5", "LOCATION": "100"} for account, side in
             (("68000", "1"), ("10010", "-1"))]  # fmt: skip
    entries = [
        record("GLBATCH", JOURNAL="GJ", BATCH_TITLE=day, BATCH_DATE=day, ENTRIES=lines)
        for day in ("10/11/2026", "11/10/2026", "15/11/2026")
    ]
    stream = [schema("GLBATCH", "JOURNAL", "BATCH_TITLE", "BATCH_DATE", "ENTRIES"), *entries]
    first = pipe(stream, window=1)
    assert (first.status, first.err.count("may be 2026-")) == (FAILED, 2), first.err
    assert "'10/11/2026' may be 2026-10-11 or 2026-11-10 (set `date_order` to mdy or dmy" in first.err
    assert [row["BATCH_DATE"] for row in pipe.rows("GLBATCH")] == ["11/15/2026"], first.err
    second = pipe([stream[0], *first.letters], window=1, date_order="dmy")
    assert second.status == 0, second.err
    assert [row["BATCH_DATE"] for row in pipe.rows("GLBATCH")] == ["11/15/2026", "11/10/2026", "10/11/2026"]


def test_strings_with_a_decimal_comma_are_read_if_the_config_says_so(pipe: Pipe) -> None:
    lines = [{"ACCOUNTNO": account, "TR_TYPE": side, "TRX_AMOUNT": "1.234,05", "LOCATION": "100"} for account, side in
             (("68000", "1"), ("10010", "-1"))]  # fmt: skip
    stream = [
        schema("GLBATCH", "JOURNAL", "BATCH_TITLE", "BATCH_DATE", "ENTRIES"),
        record("GLBATCH", JOURNAL="GJ", BATCH_TITLE="Rent", BATCH_DATE="2026-11-15", ENTRIES=lines),
    ]
    first = pipe(stream)
    assert (first.status, "set `decimal` to a comma" in first.err) == (FAILED, True), first.err
    assert pipe.rows("GLENTRY") == []
    second = pipe([stream[0], *first.letters], decimal=",")
    assert second.status == 0, second.err
    assert {Decimal(row["TRX_AMOUNT"]) for row in pipe.rows("GLENTRY")} == {Decimal("1234.05")}


def test_journal_entries_are_posted_to_the_cent_and_once(pipe: Pipe) -> None:
    lines = [schema("JournalEntries", "id", keys=["id"]), record("JournalEntries", **ENTRY), state(7)]
    assert pipe(lines).states == [7]
    assert "1 already in Intacct" in pipe(lines).err
    assert len(pipe.rows("GLBATCH")) == 1
    assert {Decimal(row["TRX_AMOUNT"]) for row in pipe.rows("GLENTRY")} == {Decimal("0.3")}


def test_equal_records_without_a_key_are_as_many_records_and_no_more_on_a_second_run(pipe: Pipe) -> None:
    bare = {key: value for key, value in ENTRY.items() if key != "id"}
    lines = [schema("JournalEntries", "type"), *[record("JournalEntries", **bare)] * 3, state(1)]
    assert pipe(lines, window=2).status == 0
    assert len(pipe.rows("GLBATCH")) == 3
    assert "3 already in Intacct" in pipe(lines, window=1, equal_records="same").err
    assert len(pipe.rows("GLBATCH")) == 3


def test_an_unknown_stream_is_refused_with_the_nearest_name_and_costs_the_others_nothing(pipe: Pipe) -> None:
    lines = [
        schema("Supliers", "a"),
        record("Supliers", a="1"),
        CLASSES,
        record("CLASS", CLASSID="T", NAME="N"),
        state(1),
    ]
    ran = pipe(lines)
    assert ran.status == FAILED
    assert "did you mean Suppliers?" in ran.err
    assert ran.states == [1]
    assert pipe.rows("CLASS")[-1]["CLASSID"] == "T"


def test_lines_alone_are_refused_with_the_name_of_their_record(pipe: Pipe) -> None:
    ran = pipe([schema("APBILLITEM", "ACCOUNTNO"), record("APBILLITEM", ACCOUNTNO="68000")])
    assert ran.status == FAILED
    assert "load them as APBILL" in ran.err


def test_a_column_that_an_object_lacks_refuses_only_the_records_that_have_it(pipe: Pipe) -> None:
    ran = pipe([CLASSES, record("CLASS", CLASSID="A", NAME="N"), record("CLASS", CLASSID="B", NAME="N2", NAMME="x")])
    assert ran.status == FAILED
    assert "did you mean NAME" in ran.err
    assert [row["CLASSID"] for row in pipe.rows("CLASS")][-1] == "A"


LINE = {"accountNumber": "68000", "locationId": "100", "description": "Rent"}
DAYS = {"issueDate": "2026-11-20", "createdAt": "2026-11-20", "dueDate": "2026-12-20"}
VERSION_ONE: list[tuple[str, str, dict[str, Any]]] = [
    ("Suppliers", "VENDOR", {"vendorNumber": "S-1", "vendorName": "Acme", "currency": "USD", "note": "new",
                             "phoneNumbers": [{"number": "555", "type": "primary"}],
                             "addresses": [{"line1": "1 Road", "city": "Tulsa", "country": "United States"}]}),
    ("PurchaseInvoices", "APBILL", {"invoiceNumber": "P-1", "supplierCode": "S-1", "currency": "USD", **DAYS,
                                    "lineItems": [{**LINE, "totalPrice": 12.5, "departmentName": "Engineering"}]}),
    ("Bills", "APBILL", {"invoiceNumber": "B-1", "vendorName": "Acme", "currency": "USD", **DAYS,
                         "lineItems": [{**LINE, "totalPrice": 12.5}], "expenses": [{**LINE, "amount": 3}]}),
    ("APAdjustment", "APADJUSTMENT", {"vendorId": "S-1", "transactionDate": "2026-11-20T00:00:00Z", "status": "Submit",
                                      "billNumber": "B-1", "currency": "USD", "adjustmentNumber": "A-1",
                                      "lineItems": [{**LINE, "amount": -2.5}]}),
    ("BillPayments", "APPYMT", {"billNumber": "B-1", "vendorId": "S-1", "paymentDate": "2026-11-25", "amount": 1.5,
                                "currency": "USD", "accountNumber": "CHK-INS", "paymentMethod": "Check"}),
    ("PurchaseOrders", "PODOCUMENT", {"number": "O-1", "transactionDate": "2026-11-25", "dueDate": "2026-11-30",
                                      "vendorId": "S-1", "currency": "USD",
                                      "lineItems": [{"productId": "FLOW-100", "quantity": 1, "unitPrice": 3,
                                                     "locationId": "100"}]}),
    ("JournalEntries", "GLBATCH", ENTRY),
]  # fmt: skip
SPENT = {"accountNumber": "68000", "amount": 4, "locationNumber": "100", "description": "Rent"}
VERSION_TWO: list[tuple[str, str, dict[str, Any]]] = [
    ("Vendors", "VENDOR", {"vendorNumber": "V-1", "vendorName": "Bolt", "isActive": True, "email": "a@bolt.example"}),
    ("Items", "ITEM", {"itemNumber": "I-1", "displayName": "Item", "type": "Non-Inventory", "isActive": True}),
    ("Bills", "APBILL", {"billNumber": "B-2", "vendorNumber": "V-1", "issueDate": "2026-11-20T00:00:00",
                         "dueDate": "2026-12-01T00:00:00", "currency": "USD", "expenses": [SPENT]}),
    ("BillPayments", "APPYMT", {"billNumber": "B-2", "vendorNumber": "V-1", "accountName": "CHK-INS", "amount": 1,
                                "accountNumber": "CHK-INS", "paymentMethod": "Check", "transactionNumber": "T1",
                                "paymentDate": "2026-11-25T00:00:00"}),
    ("VendorCredits", "APADJUSTMENT", {"vendorCreditNumber": "C-1", "vendorNumber": "V-1", "currency": "USD",
                                       "issueDate": "2026-11-20T00:00:00", "expenses": [SPENT]}),
]  # fmt: skip


@pytest.mark.parametrize(("version", "streams"), [("v1", VERSION_ONE), ("v2", VERSION_TWO)])
def test_every_stream_of_hotglue_s_targets_is_written_once(
    pipe: Pipe, version: str, streams: list[tuple[str, str, dict[str, Any]]]
) -> None:
    before = {name: len(pipe.rows(name)) for _, name, _ in streams}
    lines = [one for stream, _, cells in streams for one in (schema(stream, "x"), record(stream, **cells))]
    settings: dict[str, Any] = {
        "schema": version,
        "po_transaction_type": "Purchase Order",
        "window": 1,
        "equal_records": "same",
    }
    ran = pipe([*lines, state(1)], **settings)
    assert (ran.status, ran.states) == (0, [1]), ran.err
    added = {name: len(pipe.rows(name)) - count for name, count in before.items()}
    written = Counter(name for _, name, _ in streams)
    assert {name: count for name, count in added.items() if name != "GLBATCH"} == {
        name: count
        for name, count in written.items()
        if name != "GLBATCH"  # bills and payments post there too
    }
    again = pipe([*lines, state(2)], **settings)
    assert (again.status, again.states) == (0, [2]), again.err
    assert {name: len(pipe.rows(name)) - count for name, count in before.items()} == added


def test_a_purchase_order_takes_the_transaction_definition_of_the_config(pipe: Pipe) -> None:
    streams = {stream: cells for stream, _, cells in VERSION_ONE}
    lines = [one for name in ("Suppliers", "PurchaseOrders") for one in (schema(name), record(name, **streams[name]))]
    assert pipe(lines, po_transaction_type="Purchase Requisition").status == 0
    assert [row["DOCPARID"] for row in pipe.rows("PODOCUMENT")] == ["Purchase Requisition"]


def test_a_company_that_numbers_vendors_itself_has_them_found_by_name(pipe: Pipe) -> None:
    names = schema("Suppliers", "vendorName")
    pipe([names, record("Suppliers", vendorNumber="S-7", vendorName="Acme", currency="USD")])
    ran = pipe([names, record("Suppliers", vendorName="Acme", note="paid late")], document_sequencing_enabled=True)
    assert ran.status == 0, ran.err
    assert [(row["VENDORID"], row["COMMENTS"]) for row in pipe.rows("VENDOR")] == [("S-7", "paid late")]


class Silent:
    """Sends every create into the void: nothing is processed, no answer comes."""

    def __init__(self, pipe: Pipe, *, processed: bool) -> None:
        self.pipe, self.processed = pipe, processed

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        creates = decode_request(body).operations[0].functions[0].name == "create"
        if not creates or self.processed:
            reply = self.pipe.emulator(endpoint, body)
            if not creates:
                return reply
        raise ConnectionCutError("cut", sent=True)


def test_state_stays_before_a_record_in_doubt_and_the_next_run_settles_it(pipe: Pipe, clock: Clock) -> None:
    lines = [CLASSES, record("CLASS", CLASSID="T-1", NAME="One"), state(1)]
    lost = pipe(lines, transport=Silent(pipe, processed=False))
    assert (lost.status, lost.states) == (IN_DOUBT, [])
    assert "in doubt" in lost.err
    clock.forward(minutes=61)
    found = pipe(lines)
    assert (found.status, found.states) == (0, [1])
    assert [row["CLASSID"] for row in pipe.rows("CLASS")].count("T-1") == 1


def test_a_lost_reply_of_a_committed_record_is_settled_in_the_same_run(pipe: Pipe) -> None:
    lines = [CLASSES, record("CLASS", CLASSID="T-1", NAME="One"), state(1)]
    ran = pipe(lines, transport=Silent(pipe, processed=True))
    assert (ran.status, ran.states) == (0, [1]), ran.err


def test_hotglue_s_account_has_a_row_a_record_and_skips_what_an_earlier_one_wrote(pipe: Pipe) -> None:
    lines = [CLASSES, record("CLASS", CLASSID="T-1", NAME="One"), record("CLASS", NAME="Nameless"), state(1)]
    (account,) = pipe(lines, state_format="hotglue").states
    good, bad = sorted(account["bookmarks"]["CLASS"], key=lambda row: not row["success"])
    assert good["id"] == pipe.rows("CLASS")[-1]["RECORDNO"]
    assert good["externalId"] == "T-1"
    assert len(good["hash"]) == 64
    assert "CLASSID" in bad["error"]
    assert account["summary"]["CLASS"] == {"success": 1, "fail": 1, "existing": 0, "updated": 0}
    (again,) = pipe(lines, state_format="hotglue", earlier=account).states
    assert again["summary"]["CLASS"] == {"success": 0, "fail": 1, "existing": 1, "updated": 0}
    changed = [CLASSES, record("CLASS", CLASSID="T-1", NAME="Uno")]
    (third,) = pipe(changed, state_format="hotglue", earlier=account).states
    assert third["bookmarks"]["CLASS"][0]["is_updated"] is True
    assert third["summary"]["CLASS"]["updated"] == 1


BARE = {key: value for key, value in ENTRY.items() if key != "id"}
KEYLESS = schema("JournalEntries", "type")


class OneLost:
    """The first create gets no answer, and is not processed."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe, self.lost = pipe, False

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        if not self.lost and decode_request(body).operations[0].functions[0].name == "create":
            self.lost = True
            raise ConnectionCutError("cut", sent=True)
        return self.pipe.emulator(endpoint, body)


def test_in_hotglue_s_account_one_success_stands_for_one_of_equal_records(pipe: Pipe) -> None:
    one = [KEYLESS, record("JournalEntries", **BARE)]
    (account,) = pipe(one, state_format="hotglue").states
    (again,) = pipe([*one, one[1]], state_format="hotglue", earlier=account).states
    assert again["summary"]["JournalEntries"] == {"success": 1, "fail": 0, "existing": 1, "updated": 0}
    assert len(pipe.rows("GLBATCH")) == 2
    (third,) = pipe([*one, one[1]], state_format="hotglue", earlier=again).states
    assert third["summary"]["JournalEntries"]["existing"] == 2
    assert len(pipe.rows("GLBATCH")) == 2


def test_in_hotglue_s_account_a_success_does_not_stand_for_an_equal_record_in_doubt(pipe: Pipe, clock: Clock) -> None:
    lines = [KEYLESS, *[record("JournalEntries", **BARE)] * 2]
    lost = pipe(lines, transport=OneLost(pipe), window=1, state_format="hotglue", own_references=False)
    assert lost.status == IN_DOUBT
    (account,) = lost.states
    assert [row["success"] for row in account["bookmarks"]["JournalEntries"]] in ([None, True], [True, None])
    clock.forward(minutes=61)
    again = pipe(lines, state_format="hotglue", earlier=account, own_references=False)
    assert again.status == IN_DOUBT, "it is still in doubt, and not called existing"
    assert again.states[0]["summary"]["JournalEntries"]["existing"] == 1
    assert len(pipe.rows("GLBATCH")) == 1


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_batches_are_read_from_their_files(pipe: Pipe, compression: str) -> None:
    file = pipe.folder / "part one.jsonl"
    text = b'{"CLASSID": "B-1", "NAME": "One"}\n\n{"CLASSID": "B-2", "NAME": "Two"}\n{"CLASSID": "B-3"}\n'
    file.write_bytes(gzip.compress(text) if compression == "gzip" else text)
    encoding = {"format": "jsonl", "compression": compression}
    batch = {"type": "BATCH", "stream": "CLASS", "encoding": encoding, "manifest": [file.as_uri()]}
    ran = pipe([CLASSES, batch, state(1)])
    assert (ran.status, ran.states) == (FAILED, [1])
    assert [row["CLASSID"] for row in pipe.rows("CLASS")][-2:] == ["B-1", "B-2"]
    assert "CLASS in part one.jsonl:4: refused" in ran.err


def test_records_of_batch_files_with_one_name_are_told_apart(pipe: Pipe, tmp_path: Path) -> None:
    """Taps name their files by day or part, each in a folder of its own."""
    addresses = []
    for folder, rows in {"a": [{"CLASSID": "B1"}, {"CLASSID": "B2", "NAME": "Two"}],
                         "b": [{"CLASSID": "B3"}, {"CLASSID": "B4"}]}.items():  # fmt: skip
        path = tmp_path / folder / "part-0.jsonl"
        path.parent.mkdir()
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        addresses.append(path.as_uri())
    batches = [
        {"type": "BATCH", "stream": "CLASS", "encoding": {"format": "jsonl"}, "manifest": [one]} for one in addresses
    ]
    done = pipe([CLASSES, *batches, state("s1")])
    assert (done.status, done.states) == (FAILED, ["s1"])
    refused = {one["record"]["CLASSID"]: one["place"] for one in done.letters if one["type"] == "RECORD"}
    assert refused == {
        "B1": "CLASS in part-0.jsonl:1",
        "B3": "CLASS in part-0.jsonl (2):1",
        "B4": "CLASS in part-0.jsonl (2):2",
    }
    assert {row["CLASSID"] for row in pipe.rows("CLASS")} >= {"B2"}


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        ({"encoding": {"format": "parquet"}, "manifest": ["file:///x"]}, "parquet"),
        ({"encoding": {"format": "jsonl"}, "manifest": ["s3://bucket/x"]}, "not on this machine"),
        ({"encoding": {"format": "jsonl"}, "manifest": ["file:///nowhere/x"]}, "cannot be read"),
    ],
)
def test_a_batch_that_cannot_be_read_stops_the_run_in_words(pipe: Pipe, batch: dict[str, Any], says: str) -> None:
    ran = pipe([CLASSES, {"type": "BATCH", "stream": "CLASS", **batch}])
    assert ran.status == USAGE
    assert says in ran.err


@pytest.mark.parametrize("key", ["T-2", "T-3"])
def test_records_before_a_broken_line_are_reported(pipe: Pipe, key: str) -> None:
    lines = [CLASSES, record("CLASS", CLASSID="T-1", NAME="One"), state(1), record("CLASS", CLASSID="T-2", NAME="Two")]
    text = b"".join(json.dumps(one).encode() + b"\n" for one in [*lines, record("CLASS", CLASSID=key, NAME="Two")])
    ran = pipe(text + b'{"type": "RECO')
    assert (ran.status, ran.states) == (USAGE, [1])
    assert "line 6 is not JSON" in ran.err
    not_sent = 2 if key == "T-3" else 1  # a later message of a key that waits replaces the earlier one
    assert f"1 written, {not_sent} not sent; " in ran.err
    assert pipe.rows("CLASS")[-1]["CLASSID"] == "T-1"


def test_records_that_an_outage_kept_from_being_sent_are_reported(pipe: Pipe) -> None:
    def unreachable(endpoint: str, body: bytes) -> Reply:
        if b"<create>" in body:
            raise ConnectionCutError("no route to host", sent=False)
        return pipe.emulator(endpoint, body)

    departments = schema("DEPARTMENT", "DEPARTMENTID", "TITLE", keys=["DEPARTMENTID"])
    ran = pipe([
        CLASSES, record("CLASS", CLASSID="T-1", NAME="One"), record("CLASS", CLASSID="T-2", NAME="Two"),
        departments, record("DEPARTMENT", DEPARTMENTID="T-3", TITLE="Three"),
        record("CLASS", CLASSID="T-4", NAME="Four"),
    ], transport=unreachable)  # fmt: skip
    assert (ran.status, "no route to host" in ran.err) == (4, True)
    assert "\n4 not sent; " in ran.err


def test_written_records_are_counted_where_their_addresses_cannot_be_read(pipe: Pipe) -> None:
    def cut(endpoint: str, body: bytes) -> Reply:
        if b"RECORD_URL" in body:
            raise ConnectionCutError("cut", sent=True)
        return pipe.emulator(endpoint, body)

    lines = [CLASSES, record("CLASS", CLASSID="T-1", NAME="One"), record("CLASS", CLASSID="T-2", NAME="Two")]
    ran = pipe(lines, transport=cut, output_record_url=True)
    assert ran.status == 4, ran.err
    assert "\n2 written; " in f"\n{ran.err}", ran.err


def test_a_new_version_of_a_stream_deletes_nothing(pipe: Pipe) -> None:
    before = len(pipe.rows("CLASS"))
    version = {"type": "ACTIVATE_VERSION", "stream": "CLASS", "version": 2}
    ran = pipe([CLASSES, version, record("CLASS", CLASSID="T", NAME="N"), version, state(1)])
    assert (ran.status, ran.states) == (0, [1])
    assert len(pipe.rows("CLASS")) == before + 1
    assert ran.err.count("no records are deleted in Intacct") == 1


def test_a_record_that_its_source_deleted_is_not_written(pipe: Pipe) -> None:
    gone = record("CLASS", CLASSID="T", NAME="N", _sdc_deleted_at="2026-11-01T00:00:00Z")
    ran = pipe([CLASSES, gone, record("CLASS", CLASSID="U", NAME="N", _sdc_deleted_at=None, _sdc_batched_at="x")])
    assert ran.status == 0
    assert "CLASS:2: skipped: _sdc_deleted_at: its source says 'deleted', so it is not posted" in ran.err
    assert "1 written, 1 skipped" in ran.err
    assert pipe.rows("CLASS")[-1]["CLASSID"] == "U"


def test_a_record_that_its_source_deleted_after_it_was_written_is_refused(pipe: Pipe) -> None:
    assert pipe([CLASSES, record("CLASS", CLASSID="T", NAME="N")]).status == 0
    ran = pipe([CLASSES, record("CLASS", CLASSID="T", NAME="N", _sdc_deleted_at="2026-11-01T00:00:00Z")])
    assert ran.status == FAILED
    assert "its source says 'deleted' now" in ran.err
    assert "intacct undo --entry" in ran.err


REPLACED = {
    "the last version counts": ([("A", "One"), ("A", "Two"), ("A", "Three")], {"A": "Three"}, 2),
    "other keys are left alone": ([("A", "One"), ("B", "Other"), ("A", "Two")], {"A": "Two", "B": "Other"}, 1),
    "nothing is replaced": ([("A", "One"), ("B", "Other")], {"A": "One", "B": "Other"}, 0),
}


@pytest.mark.parametrize("case", REPLACED)
@pytest.mark.parametrize("mode", ["create", "upsert"])
def test_a_later_message_of_a_key_replaces_the_earlier_one(pipe: Pipe, case: str, mode: str) -> None:
    """Singer: the last record of a key is what the source has. Only that one is planned, and may be refused."""
    messages, held, replaced = REPLACED[case]
    ran = pipe([CLASSES, *(record("CLASS", CLASSID=key, NAME=name) for key, name in messages), state(1)], mode=mode)
    assert (ran.status, ran.states) == (0, [1]), ran.err
    names = {row["CLASSID"]: row["NAME"] for row in pipe.rows("CLASS")}
    assert {key: names.get(key) for key in held} == held
    told = f"CLASS: {replaced} record{'' if replaced == 1 else 's'} replaced by"
    assert (told in ran.err) == (replaced > 0)


def test_a_state_between_two_messages_of_a_key_is_reached_with_the_first(pipe: Pipe) -> None:
    first, second = (record("CLASS", CLASSID="A", NAME=name) for name in ("One", "Two"))
    ran = pipe([CLASSES, first, state(1), second, state(2)])
    assert (ran.status, ran.states) == (0, [1, 2])
    assert "replaced" not in ran.err
    assert [row["NAME"] for row in pipe.rows("CLASS") if row["CLASSID"] == "A"] == ["Two"]


def test_an_earlier_version_stays_replaced_if_the_report_has_the_later_one(pipe: Pipe) -> None:
    versions = [record("CLASS", CLASSID="A", NAME=name) for name in ("One", "Two")]
    (account,) = pipe([CLASSES, *versions], state_format="hotglue").states
    pipe([CLASSES, *versions], state_format="hotglue", earlier=account)
    assert [row["NAME"] for row in pipe.rows("CLASS") if row["CLASSID"] == "A"] == ["Two"]


def test_many_records_are_sent_in_windows_and_requests(pipe: Pipe) -> None:
    lines = [CLASSES, *[record("CLASS", CLASSID=f"M-{n}", NAME=f"Name {n}") for n in range(250)], state(1)]
    ran = pipe(lines, window=120, batch_size=50)
    assert (ran.status, ran.states) == (0, [1])
    assert "250 written" in ran.err


VENDOR = schema("VENDOR", "VENDORID", "NAME", keys=["VENDORID"])
ACME = record("VENDOR", VENDORID="V-1", NAME="Acme", **{"DISPLAYCONTACT.PRINTAS": "Acme"})
BILLS = schema("APBILL", "VENDORID", "RECORDID", "ACCOUNTNO", "TRX_AMOUNT", "LOCATIONID", "attachments")


def line(vendor: str, number: str, amount: str, **more: str) -> dict[str, Any]:
    """One line of a bill with its header's fields."""
    days = {"WHENCREATED": "2026-11-20", "WHENDUE": "2026-12-20"}
    cells = {"VENDORID": vendor, "RECORDID": number, "ACCOUNTNO": "68000", "TRX_AMOUNT": amount, "LOCATIONID": "100"}
    return record("APBILL", **days, **cells, **more)


def test_every_row_of_a_refused_record_is_kept_and_every_row_of_a_written_one_is_counted(pipe: Pipe) -> None:
    rows = [line("V-1", "B-1", "10.00"), line("V-1", "B-1", "20.00"), line("V-9", "B-2", "30.00")]
    ran = pipe([VENDOR, ACME, BILLS, *rows, line("V-9", "B-2", "40.00"), state(1)])
    assert (ran.status, ran.states) == (FAILED, [1])
    assert [letter["record"]["TRX_AMOUNT"] for letter in ran.letters if letter["type"] == "RECORD"] == [
        "30.00",
        "40.00",
    ]
    assert "3 written, 2 refused" in ran.err
    assert [row["TOTALENTERED"] for row in pipe.rows("APBILL")] == ["30"]
    again = pipe([VENDOR, {**ACME, "record": {**ACME["record"], "VENDORID": "V-9"}}, *ran.letters])
    assert again.status == 0, again.err
    assert [row["TOTALENTERED"] for row in pipe.rows("APBILL")] == ["30", "70"]


@pytest.mark.parametrize(
    ("mode", "status", "told", "held"),
    [
        ("create", FAILED, "is a draft in Intacct, and live in its source", "Draft"),
        ("upsert", 0, "1 updated", "Posted"),
    ],
)
def test_a_draft_that_should_be_live_is_not_already_in_intacct(
    pipe: Pipe, mode: str, status: int, told: str, held: str
) -> None:
    lines = [VENDOR, ACME, BILLS, line("V-1", "B-1", "10.00")]
    assert pipe(lines, draft=True, mode=mode).status == 0
    assert [row["STATE"] for row in pipe.rows("APBILL")] == ["Draft"]
    assert pipe([BILLS, line("V-1", "B-1", "10.00")], draft=True, mode=mode).status == 0
    ran = pipe([BILLS, line("V-1", "B-1", "10.00")], mode=mode)
    assert ran.status == status
    assert told in ran.err
    assert "already in Intacct" not in ran.err
    assert [row["STATE"] for row in pipe.rows("APBILL")] == [held]


def test_a_record_with_a_file_in_a_folder_that_is_not_there_yet(pipe: Pipe) -> None:
    (pipe.folder / "scan.pdf").write_bytes(b"%PDF")
    bill = line("V-1", "B-1", "10.00", attachments="scan.pdf")
    ran = pipe([VENDOR, ACME, BILLS, bill, state(1)], input_path=str(pipe.folder))
    assert (ran.status, ran.states) == (0, [1]), ran.err
    assert "2 written" in ran.err


def test_no_file_leaves_that_no_folder_was_set_apart_for(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pipe.folder)
    (pipe.folder / "config.json").write_bytes(b"{}")  # where the target is run from lie its secrets
    ran = pipe([VENDOR, ACME, BILLS, line("V-1", "B-1", "10.00", attachments="config.json"), state(1)])
    assert ran.status == FAILED
    assert "no folder of files is set" in ran.err
    assert pipe.rows("APBILL") == []


def test_refused_records_of_every_run_are_kept(pipe: Pipe) -> None:
    letters = pipe.folder / "fixed.jsonl"
    for number in range(3):
        pipe([VENDOR, BILLS, line("V-9", f"B-{number}", "10.00"), state(number)], dead_letters=str(letters))
    kept = "".join(path.read_text() for path in pipe.folder.glob("fixed.jsonl*"))
    assert [f"B-{number}" in kept for number in range(3)] == [True] * 3


ATTACHED = {"invoiceNumber": "B-9", "vendorName": "Acme", "currency": "USD", **DAYS,
            "lineItems": [{**LINE, "totalPrice": 12.5}]}  # fmt: skip


@pytest.mark.parametrize(
    ("version", "stream", "cells"),
    [
        ("v1", "Bills", ATTACHED),
        ("v1", "PurchaseInvoices", {**ATTACHED, "supplierCode": "S-1"}),
        ("v2", "Bills", {"billNumber": "B-9", "vendorNumber": "S-1", "issueDate": "2026-11-20T00:00:00",
                         "dueDate": "2026-12-01T00:00:00", "currency": "USD", "expenses": [SPENT]}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_text", [False, True])
def test_the_files_of_unified_records_go_with_them(
    pipe: Pipe, version: str, stream: str, cells: dict[str, Any], *, as_text: bool
) -> None:
    inputs = pipe.folder / "inputs"
    inputs.mkdir()
    (inputs / "7_scan.pdf").write_bytes(b"%PDF seven")
    (inputs / "note.txt").write_bytes(b"a note")
    files: Any = [{"id": "7", "name": "scan.pdf"}, {"name": "note.txt"}]
    files = json.dumps(files) if as_text else files
    vendor = [schema("VENDOR", "x"), record("VENDOR", VENDORID="S-1", NAME="Acme", **{"DISPLAYCONTACT.PRINTAS": "A"})]
    lines = [*vendor, schema(stream, "x"), record(stream, **cells, attachments=files), state(1)]
    settings: dict[str, Any] = {"schema": version, "input_path": str(inputs)}
    ran = pipe(lines, **settings)
    assert (ran.status, ran.states) == (0, [1]), ran.err
    (bill,) = pipe.rows("APBILL")
    with client(pipe.emulator) as gateway:
        found = gateway.attachments.read(bill["SUPDOCID"])
    assert [(one.name, one.kind, one.content) for one in found] == [
        ("7_scan", "pdf", b"%PDF seven"),
        ("note", "txt", b"a note"),
    ]
    assert pipe(lines, **settings).status == 0
    assert len(pipe.rows("APBILL")) == 1
    missing = record(stream, **cells | {"invoiceNumber": "B-8", "billNumber": "B-8"}, attachments=[{"name": "no.pdf"}])
    refused = pipe([schema(stream, "x"), missing], **settings)
    assert refused.status == FAILED
    assert "there is no file no.pdf" in refused.err
    web = record(stream, **cells | {"invoiceNumber": "B-7", "billNumber": "B-7"}, attachments=[{"url": "http://x/y"}])
    assert "is not fetched" in pipe([schema(stream, "x"), web], **settings).err


def test_each_record_s_address_is_told_on_request(pipe: Pipe) -> None:
    def with_addresses(endpoint: str, body: bytes) -> Reply:
        """The company's own pages, which the emulator has none of."""
        if b"RECORD_URL" in body:
            table = pipe.emulator.company().table("CLASS")
            for number, row in list(table.rows()):
                table.update(number, row | {"RECORD_URL": f"https://company.example/class?id={number}"})
        return pipe.emulator(endpoint, body)

    lines = [CLASSES, record("CLASS", CLASSID="A", NAME="Alpha"), record("CLASS", CLASSID="B", NAME="Beta")]
    ran = pipe(lines, transport=with_addresses, state_format="hotglue", output_record_url=True)
    rows = ran.states[0]["bookmarks"]["CLASS"]
    assert [row["record_url"] for row in rows] == [f"https://company.example/class?id={row['id']}" for row in rows]
    plain = pipe(lines, transport=with_addresses, state_format="hotglue")
    assert [row for row in plain.states[0]["bookmarks"]["CLASS"] if "record_url" in row] == []


@pytest.mark.parametrize(("corrected", "ends"), [("", 0), ("Due", FAILED)])
def test_a_dead_letter_does_not_change_back_what_came_after_it(pipe: Pipe, corrected: str, ends: int) -> None:
    """A class whose parent does not exist is refused. Its next version is posted, before the letter is piped in."""
    named = schema("CLASS", "CLASSID", "NAME", "PARENTID", keys=["CLASSID"])
    assert pipe([CLASSES, record("CLASS", CLASSID="T-1", NAME="One")]).status == 0
    refused = pipe([named, record("CLASS", CLASSID="T-1", NAME="Uno", PARENTID="T-9")])
    assert refused.status == FAILED
    if corrected:
        assert pipe([CLASSES, record("CLASS", CLASSID="T-1", NAME=corrected)]).status == 0
    assert pipe([CLASSES, record("CLASS", CLASSID="T-9", NAME="Parent")]).status == 0
    letters = [json.dumps(letter).encode() + b"\n" for letter in refused.letters]
    again = pipe(b"".join(letters))
    assert again.status == ends
    names = {row["CLASSID"]: row["NAME"] for row in pipe.rows("CLASS")}
    assert names["T-1"] == (corrected or "Uno")
    if corrected:
        (_, letter) = again.letters
        assert "after this version was refused" in letter["reason"]
        assert letter["refused_at"] == refused.letters[-1]["refused_at"], "however often it is piped in"


@pytest.mark.parametrize(
    ("source", "amount", "status", "bills"),
    [
        ("shop", "12.50", 0, [("B-2", "12.5")]),  # its number was corrected
        ("depot", "12.50", 0, [("B-1", "12.5"), ("B-2", "12.5")]),
    ],
)
def test_a_stream_and_a_file_of_one_source_share_their_keys(
    pipe: Pipe, source: str, amount: str, status: int, bills: list[tuple[str, str]]
) -> None:
    """A bill that was posted from a file comes in a stream, with the same key."""
    desk = LoadScenario(pipe.folder, pipe.emulator)
    desk.load(VENDORS, "VENDOR")
    header = "Id,Vendor,Bill no,Date,Due date,Account,Amount,Location,Department\n"
    text = f"{header}7,V-1,B-1,2026-11-20,2026-12-20,68000,12.50,100,100\n"
    posted = desk.load(text, "bills", key=("Id",), rules=MatchRules(source_name="shop"))
    assert [one.good for one in posted] == [True]
    bill = record(
        "Bills", number="7", invoiceNumber="B-2", vendorId="V-1", createdAt="2026-11-20", issueDate="2026-11-20",
        dueDate="2026-12-20", lineItems=[{"accountNumber": "68000", "totalPrice": float(amount), "locationId": "100",
                                          "departmentId": "100"}],
    )  # fmt: skip
    ran = pipe([schema("Bills", "number", keys=["number"]), bill], source_name=source)
    assert ran.status == status, ran.err
    assert sorted((row["RECORDID"], row["TOTALENTERED"]) for row in pipe.rows("APBILL")) == bills


def test_streams_that_a_mapping_reads_have_keys_of_their_own(pipe: Pipe) -> None:
    """Two of them may be for one object."""
    mapping = pipe.folder / "class.toml"
    mapping.write_text('object = "CLASS"\nrest = "drop"\n[fields]\nCLASSID = "code"\nNAME = "name"\n')
    mappings = {"team": str(mapping), "squad": str(mapping)}
    streams = [
        message
        for stream, code in (("team", "T-1"), ("squad", "T-2"))
        for message in (schema(stream, "id", "code", "name", keys=["id"]), record(stream, id="1", code=code, name=code))
    ]
    ran = pipe(streams, source_name="shop", mappings=mappings)
    assert ran.status == 0, ran.err
    assert {row["CLASSID"] for row in pipe.rows("CLASS")} >= {"T-1", "T-2"}


@pytest.mark.parametrize(("setting", "numbers"), [("unique", ["B-1"]), ("label", ["B-1", "B-2"])])
@pytest.mark.parametrize("keys", [[], ["number"]])
def test_several_records_may_have_one_external_id_where_it_is_a_label(
    pipe: Pipe, setting: str, numbers: list[str], keys: list[str]
) -> None:
    """Two bills of a vendor with one external id are one bill with a corrected number, or two."""
    pipe.connection["external_ids"] = setting
    stream = schema("Bills", "number", keys=keys)
    suppliers = [schema("Suppliers", "vendorNumber", keys=["vendorNumber"]),
                 record("Suppliers", vendorNumber="SV1", vendorName="Acme")]  # fmt: skip
    bills = [
        record(
            "Bills", number=number, externalId="batch 7", invoiceNumber=number, vendorId="SV1", createdAt="2026-11-20",
            issueDate="2026-11-20", dueDate="2026-12-20",
            lineItems=[{"accountNumber": "68000", "totalPrice": 12.5, "locationId": "100"}],
        )
        for number in ("B-1", "B-2")
    ]  # fmt: skip
    pipe(suppliers)
    for bill in bills:
        pipe([stream, bill], mode="create")
    assert sorted(row["RECORDID"] for row in pipe.rows("APBILL")) == numbers
    assert pipe([stream, *bills], mode="create").status == (0 if setting == "label" else FAILED)
    assert sorted(row["RECORDID"] for row in pipe.rows("APBILL")) == numbers
