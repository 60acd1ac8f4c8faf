"""`target-intacct` in place of hotglue's targets: their config, their records, and their report on each record.

What a target of hotglue leaves behind is compared with what an independent reader finds in the company.
"""

import json
from decimal import Decimal
from typing import Any

import pytest

from intacct_bridge.apps.singer.target_config import checked
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.piping import CREDENTIALS, Pipe, record, schema, state
from support.small_company import Clock

FAILED, IN_DOUBT = 1, 5


def entry(amount: float | str, **more: Any) -> dict[str, Any]:
    line = {"amount": amount, "locationId": "100"}
    lines = [
        {**line, "accountNumber": "68000", "postingType": "Debit"},
        {**line, "accountNumber": "10010", "postingType": "Credit"},
    ]
    return {"transactionDate": "2026-11-30T00:00:00Z", "type": "GJ", "journalDesc": "Rent", "lines": lines, **more}


ENTRIES = schema("JournalEntries", "type")
LINE = {"accountNumber": "68000", "locationId": "100", "description": "Rent"}
DAYS = {"issueDate": "2026-11-20", "createdAt": "2026-11-20", "dueDate": "2026-12-20"}
SUPPLIER = [schema("Suppliers", "x"), record("Suppliers", vendorNumber="S-1", vendorName="Acme", currency="USD")]
BILL = [
    schema("Bills", "x"),
    record("Bills", invoiceNumber="B-1", vendorId="S-1", currency="USD", **DAYS, lineItems=[{**LINE, "totalPrice": 9}]),
]


# --- the config


def test_the_config_of_the_tap_is_taken_with_a_note(pipe: Pipe) -> None:
    shared: dict[str, Any] = {
        "start_date": "2020-01-01T00:00:00Z",
        "tenant": "acme",
        "full_url": "https://hotglue.example/acme",
        "stream_names": "hotglue",
        "report_periods": 3,
        "stream_maps": {},
    }
    config = checked({**CREDENTIALS, **shared})
    assert config.ignored == tuple(shared)
    assert pipe([ENTRIES, record("JournalEntries", **entry(1))], **shared).status == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"dry_run": True}, "unknown key 'dry_run'"),
        ({"tennant": "acme"}, "did you mean tenant"),
        ({"stream_maps": {"bills": {}}}, "setting of another program"),
        ({"mode": "create", "ignore_keys": ["mode"]}, "ignore_keys names 'mode'"),
        ({"ignore_keys": "mode"}, "must be of type array of strings"),
    ],
)
def test_a_key_that_may_mean_something_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        checked({**CREDENTIALS, **given})


def test_the_config_can_say_which_keys_are_another_program_s() -> None:
    config = checked({**CREDENTIALS, "dry_run": False, "ignore_keys": ["dry_run"]})
    assert config.ignored == ("dry_run",)


# --- payments


def account_of_the_payment(pipe: Pipe, **account: str) -> tuple[int, str, str]:
    cells = {"billNumber": "B-1", "vendorId": "S-1", "paymentDate": "2026-11-25", "amount": 2, "currency": "USD"}
    payment = record("BillPayment", paymentMethod="Check", **cells, **account)
    ran = pipe([*SUPPLIER, *BILL, schema("BillPayment", "x"), payment], window=1)
    return ran.status, ran.err, "".join(str(row["FINANCIALENTITY"]) for row in pipe.rows("APPYMT"))


@pytest.mark.parametrize(
    ("object_name", "given", "account"),
    [
        ("CHECKINGACCOUNT", "CHK-INS", "CHK-INS"),
        ("CHECKINGACCOUNT", "First Bank of Tulsa", "CHK-INS"),
        ("SAVINGSACCOUNT", "SAV-9", "SAV-9"),
        ("SAVINGSACCOUNT", "Second Bank of Tulsa", "SAV-9"),
    ],
)
def test_a_payment_names_its_account_by_id_or_name(pipe: Pipe, object_name: str, given: str, account: str) -> None:
    company = pipe.emulator.company()
    number, checking = next(pair for pair in company.table("CHECKINGACCOUNT").rows() if "CHK-INS" in pair[1].values())
    company.table("CHECKINGACCOUNT").update(number, checking | {"BANKNAME": "First Bank of Tulsa"})
    savings = {**checking, "RECORDNO": "990", "BANKACCOUNTID": "SAV-9", "BANKNAME": "Second Bank of Tulsa"}
    if object_name == "SAVINGSACCOUNT":
        company.table("SAVINGSACCOUNT").insert(savings)
    status, err, used = account_of_the_payment(pipe, bankAccountName=given)
    assert (status, used) == (0, account), err


def test_a_name_that_is_another_account_s_id_is_refused(pipe: Pipe) -> None:
    table = pipe.emulator.company().table("CHECKINGACCOUNT")
    (_, first), (number, second), *_ = list(table.rows())
    table.update(number, second | {"BANKNAME": first["BANKACCOUNTID"]})
    status, err, account = account_of_the_payment(pipe, bankAccountName=first["BANKACCOUNTID"])
    assert (status, account) == (FAILED, "")
    assert "more than one CHECKINGACCOUNT with BANKACCOUNTID or BANKNAME" in err


def test_an_unknown_account_is_refused_with_every_place_that_was_searched(pipe: Pipe) -> None:
    status, err, account = account_of_the_payment(pipe, bankAccountName="NOPE")
    assert (status, account) == (FAILED, "")
    for place in ("CHECKINGACCOUNT", "SAVINGSACCOUNT", "CREDITCARD with CARDID 'NOPE'"):
        assert f"no {place}" in err


# --- amounts


@pytest.mark.parametrize(
    ("written", "posted"),
    [
        ("0.30000000000000004", "0.30"),  # 0.1 + 0.2
        ("99.9999999999986", "100.00"),  # a thousand times 0.1
        ("1234.5600000000002", "1234.56"),
        ("12345678901.230001", "12345678901.23"),
    ],
)
def test_a_binary_float_of_cents_is_that_amount(pipe: Pipe, written: str, posted: str) -> None:
    body = json.dumps(record("JournalEntries", **entry("@"))).replace('"@"', written)
    text = f"{json.dumps(ENTRIES)}\n{body}\n"
    ran = pipe(text)
    assert ran.status == 0, ran.err
    assert {Decimal(row["TRX_AMOUNT"]) for row in pipe.rows("GLENTRY")} == {Decimal(posted)}
    assert f"({written} is read as {posted})" in ran.err
    assert "1 already in Intacct" in pipe(text, equal_records="same").err
    assert len(pipe.rows("GLBATCH")) == 1


@pytest.mark.parametrize("amount", [10.005, 0.001, 5.55e-17, 10.00000001, 1000000000000.005])
def test_an_amount_that_no_cents_explain_stays_refused(pipe: Pipe, amount: float) -> None:
    ran = pipe([ENTRIES, record("JournalEntries", **entry(amount))])
    assert ran.status == FAILED
    assert pipe.rows("GLBATCH") == []


# --- hotglue's report


def test_the_id_of_a_purchase_order_is_its_record_number(pipe: Pipe) -> None:
    order = record("PurchaseOrders", number="O-1", transactionDate="2026-11-25", dueDate="2026-11-30", vendorId="S-1",
                   currency="USD", lineItems=[{"productId": "FLOW-100", "quantity": 1, "unitPrice": 3,
                                               "locationId": "100"}])  # fmt: skip
    lines = [*SUPPLIER, schema("PurchaseOrders", "x"), order]
    settings: dict[str, Any] = {"po_transaction_type": "Purchase Order", "window": 1, "state_format": "hotglue"}
    for _ in range(2):
        ran = pipe(lines, **settings)
        assert ran.status == 0, ran.err
        (row,) = ran.states[-1]["bookmarks"]["PurchaseOrders"]
        assert row["id"] == str(pipe.rows("PODOCUMENT")[0]["RECORDNO"])


# --- a lost answer


class Lost:
    """The first request with a create gets no answer."""

    def __init__(self, pipe: Pipe, *, processed: bool) -> None:
        self.pipe, self.processed, self.lost = pipe, processed, False

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        creates = any(one.name == "create" for one in decode_request(body).operations[0].functions)
        if not self.lost and creates:
            self.lost = True
            if self.processed:
                self.pipe.emulator(endpoint, body)
            raise ConnectionCutError("cut", sent=True)
        return self.pipe.emulator(endpoint, body)


@pytest.mark.parametrize("keys", [(), ("id",)])
@pytest.mark.parametrize("processed", [True, False])
def test_a_lost_reply_to_journal_entries_is_settled(
    pipe: Pipe, clock: Clock, keys: tuple[str, ...], processed: bool
) -> None:
    lines = [schema("JournalEntries", "id", keys=keys)]
    lines += [record("JournalEntries", **entry(amount, id=f"J{amount}")) for amount in (1, 2, 2, 3)]
    if keys:
        del lines[3]
    count = len(lines) - 1
    first = pipe([*lines, state(1)], transport=Lost(pipe, processed=processed))
    assert (first.status, first.states) == ((0, [1]) if processed else (IN_DOUBT, [])), first.err
    assert "get one of ours (IB-...)" in first.err
    clock.forward(minutes=61)
    second = pipe([*lines, state(1)], equal_records="same")
    assert (second.status, second.states) == (0, [1]), second.err
    posted = pipe.rows("GLBATCH")
    assert len(posted) == count
    references = {row["REFERENCENO"] for row in posted}
    assert len(references) == count
    assert all(len(one) == 19 and one.startswith("IB-") for one in references)


def test_the_number_is_sent_over_document_type_2_1(pipe: Pipe) -> None:
    pipe.connection["dtd_version"] = "2.1"
    ran = pipe([ENTRIES, record("JournalEntries", **entry(1))])
    assert ran.status == 0, ran.err
    assert [str(row["REFERENCENO"])[:3] for row in pipe.rows("GLBATCH")] == ["IB-"]


def test_without_the_setting_the_reference_number_stays_empty_and_the_doubt_is_announced(
    pipe: Pipe, clock: Clock
) -> None:
    lines = [ENTRIES, record("JournalEntries", **entry(1))]
    lost = pipe(lines, transport=Lost(pipe, processed=False), own_references=False)
    assert lost.status == IN_DOUBT
    assert "stay in doubt until a person has looked for them" in lost.err
    clock.forward(minutes=61)
    assert pipe(lines, own_references=False).status == IN_DOUBT
    assert pipe([ENTRIES, record("JournalEntries", **entry(2))], own_references=False).status == 0
    assert [row.get("REFERENCENO") for row in pipe.rows("GLBATCH")] == [None]


def test_an_entry_s_own_reference_number_is_kept(pipe: Pipe) -> None:
    lines = {"ENTRIES": [
        {"ACCOUNTNO": account, "TRX_AMOUNT": 5, "TR_TYPE": side, "LOCATION": "100"}
        for account, side in (("68000", 1), ("10010", -1))
    ]}  # fmt: skip
    cells = {"JOURNAL": "GJ", "BATCH_DATE": "2026-11-30", "BATCH_TITLE": "Rent", "REFERENCENO": "R-1", **lines}
    ran = pipe([schema("GLBATCH", "x"), record("GLBATCH", **cells)])
    assert ran.status == 0, ran.err
    assert "IB-" not in ran.err
    assert [row["REFERENCENO"] for row in pipe.rows("GLBATCH")] == ["R-1"]


@pytest.mark.parametrize("keys", [(), ("id",)])
def test_entries_that_were_posted_without_a_number_of_ours_are_recognised(pipe: Pipe, keys: tuple[str, ...]) -> None:
    """The setting can be changed in either direction."""
    lines = [schema("JournalEntries", "id", keys=keys), record("JournalEntries", **entry(1, id="J1"))]
    assert pipe(lines, own_references=False).status == 0
    for setting in (True, False, True):
        again = pipe(lines, own_references=setting, equal_records="same")
        assert (again.status, "1 already in Intacct" in again.err) == (0, True), again.err
    assert [row.get("REFERENCENO") for row in pipe.rows("GLBATCH")] == [None]


def test_hotglue_s_report_does_not_call_an_entry_in_doubt_failed(pipe: Pipe, clock: Clock) -> None:
    lines = [ENTRIES, record("JournalEntries", **entry(1))]
    lost = pipe(lines, transport=Lost(pipe, processed=False), state_format="hotglue")
    (row,) = lost.states[0]["bookmarks"]["JournalEntries"]
    assert (lost.status, row["success"], row["in_doubt"]) == (IN_DOUBT, None, True)
    assert "error" not in row
    assert "can be settled from" in row["note"]
    counts = {"success": 0, "fail": 0, "existing": 0, "updated": 0, "in_doubt": 1}
    assert lost.states[0]["summary"]["JournalEntries"] == counts
    clock.forward(minutes=61)
    again = pipe(lines, state_format="hotglue", earlier=lost.states[0])
    assert again.states[0]["summary"]["JournalEntries"] == {"success": 1, "fail": 0, "existing": 0, "updated": 0}
    assert len(pipe.rows("GLBATCH")) == 1


# --- requests

ORDER = {
    "number": "O-1",
    "transactionDate": "2026-11-25",
    "dueDate": "2026-11-30",
    "vendorId": "S-1",
    "currency": "USD",
    "lineItems": [{"productId": "FLOW-100", "quantity": 1, "unitPrice": 3, "locationId": "100"}],
}
PAYMENT = {"vendorId": "S-1", "paymentDate": "2026-11-25", "amount": 1, "currency": "USD", "paymentMethod": "Check"}
INVOICE = {"currency": "USD", **DAYS, "lineItems": [{**LINE, "totalPrice": 9}]}
TWELVE: list[tuple[str, dict[str, Any]]] = [
    ("Suppliers", {"vendorNumber": "S-1", "vendorName": "Acme", "currency": "USD"}),
    ("Suppliers", {"vendorNumber": "S-2", "vendorName": "Bolt", "currency": "USD"}),
    ("PurchaseInvoices", {"invoiceNumber": "P-1", "supplierCode": "S-1", **INVOICE}),
    ("PurchaseInvoices", {"invoiceNumber": "P-2", "supplierName": "Bolt", **INVOICE}),
    ("Bills", {"invoiceNumber": "B-1", "vendorName": "Acme", **INVOICE, "expenses": [{**LINE, "amount": 3}]}),
    ("Bills", {"invoiceNumber": "B-2", "vendorId": "S-2", **INVOICE}),
    ("APAdjustment", {"vendorId": "S-1", "transactionDate": "2026-11-20T00:00:00Z", "status": "Submit",
                      "billNumber": "B-1", "currency": "USD", "adjustmentNumber": "A-1",
                      "lineItems": [{**LINE, "amount": -2.5, "departmentName": "Engineering"}]}),
    ("BillPayments", {"billNumber": "B-1", "accountNumber": "CHK-INS", **PAYMENT}),
    ("BillPayments", {"billNumber": "B-2", "bankAccountName": "CHK-INS", **PAYMENT, "vendorId": "S-2"}),
    ("PurchaseOrders", ORDER),
    ("JournalEntries", entry(1)),
    ("JournalEntries", entry(2)),
]  # fmt: skip


class Counting:
    """The emulator, with a count of the requests."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe, self.requests = pipe, 0

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        self.requests += 1
        return self.pipe.emulator(endpoint, body)


def mixed(records: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    streams = dict.fromkeys(stream for stream, _ in records)
    return [*(schema(stream, "x") for stream in streams), *(record(stream, **cells) for stream, cells in records)]


def test_twelve_mixed_records_of_seven_streams_take_few_requests_on_first_use(pipe: Pipe) -> None:
    """They ask what is due on the documents that the payments name, and the currency of what was posted."""
    counted = Counting(pipe)
    ran = pipe(mixed(TWELVE), transport=counted, po_transaction_type="Purchase Order")
    assert (ran.status, "12 written" in ran.err) == (0, True), ran.err
    assert counted.requests <= 38


def test_a_reference_to_a_record_that_was_refused_in_the_same_window_is_refused(pipe: Pipe) -> None:
    """The plan of the suppliers knows S-9 as one that it creates; the plan of the bills must not."""
    lines = mixed(
        [
            ("VENDOR", {"VENDORID": "S-9", "NAME": "Acme", "TERMNAME": "No such term"}),
            ("Bills", {"invoiceNumber": "B-9", "vendorId": "S-9", **INVOICE}),
        ]
    )
    ran = pipe(lines)
    assert ran.status == FAILED
    assert "the company has no vendor 'S-9'" in ran.err
    assert pipe.rows("APBILL") == []


def test_a_name_that_became_ambiguous_in_the_same_window_is_refused(pipe: Pipe) -> None:
    first = [("Suppliers", {"vendorNumber": "S-1", "vendorName": "Acme", "currency": "USD"})]
    assert pipe(mixed(first)).status == 0
    cells = {"WHENCREATED": "2026-11-20", "WHENDUE": "2026-12-20", "CURRENCY": "USD", "VENDORID": "Acme"}
    items = {"APBILLITEMS": [{"ACCOUNTNO": "68000", "TRX_AMOUNT": 9, "LOCATIONID": "100"}]}
    ran = pipe(
        [
            schema("APBILL", "x"),
            schema("Suppliers", "x"),
            schema("PurchaseInvoices", "x"),
            record("APBILL", RECORDID="N-1", **cells, **items),
            record("Suppliers", vendorNumber="S-2", vendorName="Acme", currency="USD"),
            record("PurchaseInvoices", invoiceNumber="N-2", supplierCode="Acme", **INVOICE),
        ]
    )
    assert "'Acme' is the name of more than one vendor" in ran.err
    assert [row["RECORDID"] for row in pipe.rows("APBILL")] == ["N-1"]
