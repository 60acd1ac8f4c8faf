"""Kinds of records as sources have them, in the forms of each way into the company, and as the company holds them."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from intacct_emulator.server.gateway import Emulator
from support.small_company import client

Cells = dict[str, Any]
KEY = "Source id"
"""The column with the key of the source."""
FIRST, SECOND = "first", "second"
"""The two parties, or journals, of the documents."""


@dataclass(frozen=True)
class Document:
    """A record of a source, in no form yet."""

    number: str
    key: str = ""
    """Its key in its source."""
    party: str = FIRST
    day: str = "2026-11-20"
    amount: str = "5"
    text: str = "Rent"
    state: str = ""


@dataclass(frozen=True)
class DocumentKind:
    """A kind of record. Each form is made of one document; several rows of a layout may be one document."""

    object: str
    layout: str
    number: str
    """Intacct's field for the number, which an upsert finds a record by if `--key` names it."""
    parties: Mapping[str, str]
    rows: Callable[["DocumentKind", Document], list[Cells]]
    native: Callable[["DocumentKind", Document], Cells]
    unified: Mapping[str, tuple[str, Callable[["DocumentKind", Document], Cells]]]
    """The entity of a version of the unified schema, and its records."""
    shown: tuple[str, ...]
    """Intacct's fields for number, party, day and text; an empty one is not compared."""
    dead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Fields, with the values of a record that was taken back or takes another back."""
    amount: str = ""
    """The field of the total; empty for a journal entry, whose lines have it."""

    def file_rows(self, documents: Iterable[Document]) -> list[Cells]:
        """The rows of a file in the layout."""
        return [{KEY: one.key, **row} for one in documents for row in self.rows(self, one)]

    def all_of(self, emulator: Emulator) -> set[str]:
        """The record numbers of all its records in a company."""
        return {str(row["RECORDNO"]) for _, row in emulator.company().table(self.object).rows()}

    def held(self, emulator: Emulator, prefix: str, *, but: Container[str] = ()) -> Counter[tuple[str, ...]]:
        """The live records of the company whose number or text begins so, but those of these record numbers."""
        books = emulator.company()
        number, _, _, text = self.shown
        found: Counter[tuple[str, ...]] = Counter()
        for _, row in books.table(self.object).rows():
            if not any(str(row.get(name, "")).startswith(prefix) for name in (number, text) if name):
                continue
            if str(row["RECORDNO"]) in but or any(
                str(row.get(name, "")) in values for name, values in self.dead.items()
            ):
                continue
            found[self._cells(row, self._total(emulator, row))] += 1
        return found

    def _cells(self, row: Mapping[str, Any], total: str) -> tuple[str, ...]:
        draft = "draft" if row.get("STATE") == "Draft" else ""
        return (*(str(row.get(name, "")) if name else "" for name in self.shown), total, draft)

    def _total(self, emulator: Emulator, row: Mapping[str, Any]) -> str:
        if self.object in ("VENDOR", "CUSTOMER"):
            return ""
        if self.amount:
            return f"{Decimal(row[self.amount]).normalize():f}"
        lines = [one for _, one in emulator.company().table("GLENTRY").rows() if one["BATCHNO"] == row["RECORDNO"]]
        debits = [Decimal(one["TRX_AMOUNT"]) for one in lines if str(one["TR_TYPE"]) == "1"]
        return f"{sum(debits, Decimal(0)).normalize():f}"

    def as_held(self, document: Document) -> tuple[str, ...]:
        """A live document as the company is to hold it."""
        year, month, day = document.day.split("-")
        values = (document.number, self.parties[document.party], f"{month}/{day}/{year}", document.text)
        shown = (value if name else "" for name, value in zip(self.shown, values, strict=True))
        draft = "draft" if document.state == "Draft" else ""
        return (*shown, "" if self.object in ("VENDOR", "CUSTOMER") else document.amount, draft)


def without_empty(cells: Mapping[str, Any]) -> Cells:
    return {name: value for name, value in cells.items() if value not in ("", None)}


def _state(document: Document) -> Cells:
    return {"status": document.state} if document.state else {}


def _sides(document: Document) -> tuple[tuple[str, str], ...]:
    return (("68000", "Debit"), ("10010", "Credit"))


# --- journal entries


def _entry_rows(kind: DocumentKind, one: Document) -> list[Cells]:
    head = {"Journal": kind.parties[one.party], "Date": one.day, "Title": one.text, "Reference": one.number}
    return [
        {
            **head,
            "Account": account,
            "Debit": "",
            "Credit": "",
            side: one.amount,
            "Location": "100",
            "Status": one.state,
        }
        for account, side in _sides(one)
    ]


def _entry_native(kind: DocumentKind, one: Document) -> Cells:
    lines = [
        {"ACCOUNTNO": account, "TR_TYPE": sign, "TRX_AMOUNT": one.amount, "LOCATION": "100"}
        for account, sign in (("68000", "1"), ("10010", "-1"))
    ]
    head = {"JOURNAL": kind.parties[one.party], "BATCH_DATE": one.day, "BATCH_TITLE": one.text}
    return {**head, "REFERENCENO": one.number, "STATE": one.state, "ENTRIES": lines}


def _entry_v2(kind: DocumentKind, one: Document) -> Cells:
    lines = [
        {"accountNumber": account, f"{side.lower()}Amount": float(one.amount), "locationNumber": "100"}
        for account, side in _sides(one)
    ]
    head = {"journal": kind.parties[one.party], "transactionDate": f"{one.day}T00:00:00Z", "description": one.text}
    return {**head, "journalEntryNumber": one.number, "lineItems": lines, **_state(one)}


def _entry_v1(kind: DocumentKind, one: Document) -> Cells:
    lines = [
        {"accountNumber": account, "amount": float(one.amount), "postingType": side, "locationId": "100"}
        for account, side in _sides(one)
    ]
    head = {"type": kind.parties[one.party], "transactionDate": f"{one.day}T00:00:00Z", "journalDesc": one.text}
    return {**head, "lines": lines, **_state(one)}


ENTRY = DocumentKind(
    "GLBATCH",
    "journal-entries",
    "REFERENCENO",
    {FIRST: "GJ", SECOND: "AJE"},
    _entry_rows,
    _entry_native,
    {"v1": ("JournalEntries", _entry_v1), "v2": ("JournalEntry", _entry_v2)},
    ("REFERENCENO", "JOURNAL", "BATCH_DATE", "BATCH_TITLE"),
    {"STATE": ("Reversed", "Reversal")},
)


# --- bills and invoices


def _document_rows(kind: DocumentKind, one: Document) -> list[Cells]:
    party, number = ("Vendor", "Bill no") if kind.object == "APBILL" else ("Customer", "Invoice no")
    head = {party: kind.parties[one.party], number: one.number, "Date": one.day, "Due date": "2026-12-31"}
    head |= {f"{number.split()[0]} description": one.text}
    return [{**head, "Account": "60100", "Amount": one.amount, "Location": "100", "Department": "100",
             "Status": one.state}]  # fmt: skip


def _document_native(kind: DocumentKind, one: Document) -> Cells:
    party, lines = ("VENDORID", "APBILLITEMS") if kind.object == "APBILL" else ("CUSTOMERID", "ARINVOICEITEMS")
    line = {"ACCOUNTNO": "60100", "TRX_AMOUNT": one.amount, "LOCATIONID": "100", "DEPARTMENTID": "100"}
    head = {party: kind.parties[one.party], "RECORDID": one.number, "WHENCREATED": one.day, "WHENDUE": "2026-12-31"}
    return {**head, "DESCRIPTION": one.text, "STATE": one.state, lines: [line]}


def _document_v2(kind: DocumentKind, one: Document) -> Cells:
    word = "bill" if kind.object == "APBILL" else "invoice"
    party = "vendor" if kind.object == "APBILL" else "customer"
    line = {"accountNumber": "60100", "amount": float(one.amount), "locationNumber": "100", "departmentNumber": "100"}
    head = {f"{word}Number": one.number, f"{party}Number": kind.parties[one.party], "description": one.text}
    return {**head, "issueDate": one.day, "dueDate": "2026-12-31", "lineItems": [line], **_state(one)}


def _document_v1(kind: DocumentKind, one: Document) -> Cells:
    party = "vendor" if kind.object == "APBILL" else "customer"
    line = {"accountNumber": "60100", "totalPrice": float(one.amount), "locationId": "100", "departmentId": "100"}
    head = {"invoiceNumber": one.number, f"{party}Id": kind.parties[one.party], "description": one.text}
    return {**head, "issueDate": one.day, "dueDate": "2026-12-31", "lineItems": [line], **_state(one)}


VENDORS = {FIRST: "V-1", SECOND: "V-2"}
CUSTOMERS = {FIRST: "C-1", SECOND: "C-2"}
BILL = DocumentKind(
    "APBILL",
    "bills",
    "RECORDID",
    VENDORS,
    _document_rows,
    _document_native,
    {"v1": ("Bills", _document_v1), "v2": ("Bill", _document_v2)},
    ("RECORDID", "VENDORID", "WHENCREATED", "DESCRIPTION"),
    {"STATE": ("Reversed", "Reversal")},
    "TRX_TOTALENTERED",
)
INVOICE = replace(
    BILL,
    object="ARINVOICE",
    layout="invoices",
    parties=CUSTOMERS,
    unified={"v1": ("Invoices", _document_v1), "v2": ("Invoice", _document_v2)},
    shown=("RECORDID", "CUSTOMERID", "WHENCREATED", "DESCRIPTION"),
)


# --- payments of bills, and receipts for invoices


def paid(party: str) -> str:
    """The number of the bill or invoice that the payments of a party pay."""
    return f"PAID-{party}"


def _payment_rows(kind: DocumentKind, one: Document) -> list[Cells]:
    party = kind.parties[one.party]
    if kind.object == "APPYMT":
        head = {"Vendor": party, "Bill no": paid(party), "Payment date": one.day, "Payment method": "Printed Check"}
    else:
        head = {"Customer": party, "Invoice no": paid(party), "Receipt date": one.day, "Payment method": "EFT"}
    more = {"Amount": one.amount, "Bank account": "CHK-INS", "Payment no": one.number, "Description": one.text}
    return [{**head, **more, "Status": one.state}]


def _payment_v2(kind: DocumentKind, one: Document) -> Cells:
    party, ap = kind.parties[one.party], kind.object == "APPYMT"
    whose, what = ("vendor", "bill") if ap else ("customer", "invoice")
    number = "transactionNumber" if ap else "paymentNumber"
    head = {f"{whose}Number": party, f"{what}Number": paid(party), "paymentDate": one.day, number: one.number}
    method = "Printed Check" if ap else "EFT"
    return {**head, "amount": float(one.amount), "accountNumber": "CHK-INS", "paymentMethod": method, **_state(one)}


def _no_native(kind: DocumentKind, one: Document) -> Cells:
    raise NotImplementedError("a payment names a record number under Intacct's names")


PAYMENT = DocumentKind(
    "APPYMT",
    "payments",
    "DOCNUMBER",
    VENDORS,
    _payment_rows,
    _no_native,
    {"v2": ("BillPayment", _payment_v2)},
    ("DOCNUMBER", "VENDORID", "WHENPAID", "DESCRIPTION"),
    {"STATE": ("Voided", "V", "Reversed", "Reversal")},
    "TRX_TOTALENTERED",
)
RECEIPT = replace(
    PAYMENT,
    object="ARPYMT",
    layout="receipts",
    parties=CUSTOMERS,
    unified={"v2": ("InvoicePayment", _payment_v2)},
    shown=("DOCNUMBER", "CUSTOMERID", "WHENPAID", "DESCRIPTION"),
)


# --- master data


def _party_rows(kind: DocumentKind, one: Document) -> list[Cells]:
    return [{f"{kind.object.capitalize()} id": one.number, "Name": one.text, "Print as": one.text}]


def _party_native(kind: DocumentKind, one: Document) -> Cells:
    return {kind.number: one.number, "NAME": one.text, "DISPLAYCONTACT": {"PRINTAS": one.text}}


def _party_v1(kind: DocumentKind, one: Document) -> Cells:
    name = kind.object.lower()
    return {f"{name}Number": one.number, f"{name}Name": one.text}


def _customer_v2(_: DocumentKind, one: Document) -> Cells:
    return {"customerNumber": one.number, "companyName": one.text}


VENDOR = DocumentKind(
    "VENDOR",
    "vendors",
    "VENDORID",
    {FIRST: ""},
    _party_rows,
    _party_native,
    {"v1": ("Vendors", _party_v1), "v2": ("Vendor", _party_v1)},
    ("VENDORID", "", "", "NAME"),
)
CUSTOMER = replace(
    VENDOR,
    object="CUSTOMER",
    layout="customers",
    number="CUSTOMERID",
    unified={"v2": ("Customer", _customer_v2)},
    shown=("CUSTOMERID", "", "", "NAME"),
)
KINDS = {
    "journal entry": ENTRY,
    "bill": BILL,
    "invoice": INVOICE,
    "payment": PAYMENT,
    "receipt": RECEIPT,
    "vendor": VENDOR,
    "customer": CUSTOMER,
}


def prepare(emulator: Emulator) -> None:
    """Let a company have the parties of the documents, and a bill and an invoice of each that can be paid in parts."""
    with client(emulator) as books:
        for name, parties in (("VENDOR", VENDORS), ("CUSTOMER", CUSTOMERS)):
            for party in parties.values():
                contact = {"DISPLAYCONTACT": {"PRINTAS": f"Party {party}"}}
                (made,) = books.create(name, [{f"{name}ID": party, "NAME": f"Party {party}", **contact}])
                assert made.ok, made
        for kind in (BILL, INVOICE):
            for word, party in kind.parties.items():
                cells = kind.native(kind, Document(paid(party), party=word, amount="900000"))
                (made,) = books.create(kind.object, [without_empty(cells) | {"CURRENCY": "USD", "BASECURR": "USD"}])
                assert made.ok, made
