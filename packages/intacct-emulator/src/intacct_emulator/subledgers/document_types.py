"""The types of sub-ledger documents: their objects, their party, and how they post.

The lines of one type post against one control account. Payables and similar documents debit their lines, receivables
credit them. All documents share one series of record numbers, as on the gateway, and so do all lines.
"""

from dataclasses import dataclass
from decimal import Decimal

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.ledger.amounts import amount
from intacct_emulator.ledger.posting import PostingRules
from intacct_emulator.ledger.posting_rows import CASH_MANAGEMENT, EXPENSES, PAYABLES, RECEIVABLES
from intacct_emulator.settings.cells import Row, decimal_text, iso_date


@dataclass(frozen=True, slots=True)
class DocumentType:
    """One type of document."""

    object: str
    line: str
    type: str
    """RECORDTYPE."""
    noun: str
    party: str
    """VENDOR, CUSTOMER or EMPLOYEE; empty for documents without open items."""
    payable: bool
    """Lines are debited and the control account credited; the reverse for receivables."""
    journal: str
    module: str
    memo: str = "ENTRYDESCRIPTION"
    """The field of a line's description."""
    balance_sign: int = 1
    """The sign of its open amount in the party's total due; an overpayment of a customer lessens the total."""

    @property
    def party_id(self) -> str:
        """The field that names the party."""
        return f"{self.party}ID"

    @property
    def label(self) -> str:
        """The name of the object in refusals."""
        return self.object.capitalize()


DOCUMENT_TYPES: dict[str, DocumentType] = {
    one.object: one
    for one in (
        DocumentType("APBILL", "APBILLITEM", "pi", "Bill", "VENDOR", True, "APJ", PAYABLES),
        DocumentType("APADJUSTMENT", "APADJUSTMENTITEM", "pa", "Adjustment", "VENDOR", True, "APJ", PAYABLES),
        DocumentType("ARINVOICE", "ARINVOICEITEM", "ri", "Invoice", "CUSTOMER", False, "ARJ", RECEIVABLES),
        DocumentType("ARADJUSTMENT", "ARADJUSTMENTITEM", "ra", "Adjustment", "CUSTOMER", False, "ARJ", RECEIVABLES),
        DocumentType("EEXPENSES", "EEXPENSESITEM", "ei", "Expenses", "EMPLOYEE", True, "EEJ", EXPENSES, "DESCRIPTION"),
        DocumentType(
            "EXPENSEADJUSTMENTS",
            "EXPENSEADJUSTMENTSITEM",
            "ea",
            "Adjustment",
            "EMPLOYEE",
            True,
            "EEJ",
            EXPENSES,
            "DESCRIPTION",
        ),
        DocumentType(
            "CCTRANSACTION", "CCTRANSACTIONENTRY", "cc", "Card", "", True, "CCJ", CASH_MANAGEMENT, "DESCRIPTION"
        ),
        DocumentType(
            "OTHERRECEIPTS", "OTHERRECEIPTSENTRY", "ro", "Receipt", "", False, "CRJ", CASH_MANAGEMENT, "DESCRIPTION"
        ),
    )
}
ADVANCES = DocumentType("ARADVANCE", "", "rr", "Advance", "CUSTOMER", False, "CRJ", RECEIVABLES, balance_sign=0)
OVERPAYMENTS = DocumentType("ARPYMT", "", "rp", "Receipt", "CUSTOMER", False, "CRJ", RECEIVABLES, balance_sign=-1)
PREPAYMENTS: dict[str, DocumentType] = {one.object: one for one in (ADVANCES, OVERPAYMENTS)}
"""Customer money on account, which documents can be settled from."""
PAYMENTS = ("APPYMT", "ARPYMT")
_SERIES = {
    "PRRECORD": (*DOCUMENT_TYPES, *PAYMENTS, "APRECURBILL", "ARRECURINVOICE", "ARADVANCE", "EPPAYMENT", "DEPOSIT"),
    "PRENTRY": (*(one.line for one in DOCUMENT_TYPES.values()), "DEPOSITENTRY", "ARADVANCEITEM"),
    "PYMTDETAIL": ("APPYMTDETAIL", "ARPYMTDETAIL"),
    "DOCHDR": ("SODOCUMENT", "PODOCUMENT", "INVDOCUMENT"),
    "DOCENTRY": ("SODOCUMENTENTRY", "PODOCUMENTENTRY", "INVDOCUMENTENTRY"),
}


def next_number(company: CompanyData, series: str) -> int:
    """A record number that no document of the series ever had."""
    last = company.facts.number_series.get(series)
    last_number = last if last is not None else _highest(company, series)
    number = max([last_number + 1, *(company.table(name).next_number() for name in _SERIES[series])])
    company.facts.number_series.put(series, value=number)
    return number


def _highest(company: CompanyData, series: str) -> int:
    """The highest number so far of a series whose record numbers are text, which tables do not count."""
    if series != "DOCHDR":
        return 0
    rows = (row.get("RECORDNO", "") for name in _SERIES[series] for _, row in company.table(name).rows())
    return max((int(key) for key in rows if key.isdecimal()), default=0)


def control_account(document_type: DocumentType, chart: PostingRules, named: str = "") -> str:
    """The account that the document's lines post against: its own if one is named, else the company's."""
    if named:
        return named
    return {"VENDOR": chart.payables, "CUSTOMER": chart.receivables, "EMPLOYEE": chart.employee_payables}.get(
        document_type.party, ""
    )


def change_total_due(call: FunctionCall, document_type: DocumentType, row: Row, change: Decimal) -> None:
    """Change the total due of a vendor or a customer by an amount in base currency."""
    if document_type.party not in ("VENDOR", "CUSTOMER") or not change:
        return
    table = call.company.table(document_type.party)
    for number in table.find(document_type.party_id, row.get(document_type.party_id, "")):
        party = table.get(number) or {}
        party["TOTALDUE"] = decimal_text(amount(party, "TOTALDUE") + change)
        table.update(number, party)


_LAST_DOCUMENT = {"APBILL": "WHENLASTBILLED", "ARINVOICE": "LAST_INVOICEDATE"}
"""The field of the vendor or customer with the day of its last document."""


def note_last_document(call: FunctionCall, document_type: DocumentType, row: Row) -> None:
    """Note the day of a posted document on its vendor or customer; like the total due, that is no change of theirs."""
    name = _LAST_DOCUMENT.get(document_type.object)
    if name is None or name not in call.company.find(document_type.party).fields:
        return
    table, day = call.company.table(document_type.party), row["WHENCREATED"]
    for number in table.find(document_type.party_id, row.get(document_type.party_id, "")):
        party = table.get(number) or {}
        if (iso_date(party.get(name, "")) or "") < (iso_date(day) or ""):
            table.update(number, party | {name: day})


def state_of(row: Row, document_type: DocumentType) -> str:
    """The state of a posted document by its paid and selected totals."""
    paid, due, selected = (amount(row, f"TRX_TOTAL{name}") for name in ("PAID", "DUE", "SELECTED"))
    if document_type is OVERPAYMENTS:
        return row.get("STATE", "")
    if selected and selected == due:
        return "Selected"
    if not paid:
        return "Posted"
    partly, fully = ("Partially applied", "Fully applied") if document_type is ADVANCES else ("Partially Paid", "Paid")
    return partly if due else fully
