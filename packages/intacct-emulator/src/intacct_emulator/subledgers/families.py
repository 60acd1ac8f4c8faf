"""The kinds of sub-ledger documents: their objects, their party, and how they post.

The lines of a family post against one control account. Payables and similar documents debit their lines, receivables
credit them. All documents share one series of record numbers, as on the gateway, and so do all lines.
"""

from dataclasses import dataclass
from decimal import Decimal

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.ledger.amounts import amount
from intacct_emulator.ledger.posting import PostingRules
from intacct_emulator.ledger.posting_rows import CASH_MANAGEMENT, EXPENSES, PAYABLES, RECEIVABLES
from intacct_emulator.settings.cells import Row, decimal_text


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of document."""

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


FAMILIES: dict[str, Family] = {
    one.object: one
    for one in (
        Family("APBILL", "APBILLITEM", "pi", "Bill", "VENDOR", True, "APJ", PAYABLES),
        Family("APADJUSTMENT", "APADJUSTMENTITEM", "pa", "Adjustment", "VENDOR", True, "APJ", PAYABLES),
        Family("ARINVOICE", "ARINVOICEITEM", "ri", "Invoice", "CUSTOMER", False, "ARJ", RECEIVABLES),
        Family("ARADJUSTMENT", "ARADJUSTMENTITEM", "ra", "Adjustment", "CUSTOMER", False, "ARJ", RECEIVABLES),
        Family("EEXPENSES", "EEXPENSESITEM", "ei", "Expenses", "EMPLOYEE", True, "EEJ", EXPENSES, "DESCRIPTION"),
        Family(
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
        Family("CCTRANSACTION", "CCTRANSACTIONENTRY", "cc", "Card", "", True, "CCJ", CASH_MANAGEMENT, "DESCRIPTION"),
        Family(
            "OTHERRECEIPTS", "OTHERRECEIPTSENTRY", "ro", "Receipt", "", False, "CRJ", CASH_MANAGEMENT, "DESCRIPTION"
        ),
    )
}
ADVANCES = Family("ARADVANCE", "", "rr", "Advance", "CUSTOMER", False, "CRJ", RECEIVABLES, balance_sign=0)
OVERPAYMENTS = Family("ARPYMT", "", "rp", "Receipt", "CUSTOMER", False, "CRJ", RECEIVABLES, balance_sign=-1)
PREPAYMENTS: dict[str, Family] = {one.object: one for one in (ADVANCES, OVERPAYMENTS)}
"""Customer money on account, which documents can be settled from."""
PAYMENTS = ("APPYMT", "ARPYMT")
_SERIES = {
    "PRRECORD": (*FAMILIES, *PAYMENTS, "APRECURBILL", "ARRECURINVOICE", "ARADVANCE", "EPPAYMENT", "DEPOSIT"),
    "PRENTRY": (*(one.line for one in FAMILIES.values()), "DEPOSITENTRY", "ARADVANCEITEM"),
    "PYMTDETAIL": ("APPYMTDETAIL", "ARPYMTDETAIL"),
    "DOCHDR": ("SODOCUMENT", "PODOCUMENT", "INVDOCUMENT"),
    "DOCENTRY": ("SODOCUMENTENTRY", "PODOCUMENTENTRY", "INVDOCUMENTENTRY"),
}


def next_number(company: CompanyData, series: str) -> int:
    """A record number that no document of the series ever had."""
    last = company.side_tables.number_series.get(series)
    known = last if last is not None else _highest(company, series)
    number = max([known + 1, *(company.table(name).next_number() for name in _SERIES[series])])
    company.side_tables.number_series.put(series, value=number)
    return number


def _highest(company: CompanyData, series: str) -> int:
    """The highest number so far of a series whose record numbers are text, which tables do not count."""
    if series != "DOCHDR":
        return 0
    rows = (row.get("RECORDNO", "") for name in _SERIES[series] for _, row in company.table(name).rows())
    return max((int(key) for key in rows if key.isdecimal()), default=0)


def control_account(family: Family, chart: PostingRules, own: str = "") -> str:
    """The account that the document's lines post against: its own if one is named, else the company's."""
    if own:
        return own
    return {"VENDOR": chart.payables, "CUSTOMER": chart.receivables, "EMPLOYEE": chart.employee_payables}.get(
        family.party, ""
    )


def change_total_due(call: FunctionCall, family: Family, row: Row, change: Decimal) -> None:
    """Change the total due of a vendor or a customer by an amount in base currency."""
    if family.party not in ("VENDOR", "CUSTOMER") or not change:
        return
    table = call.company.table(family.party)
    for number in table.find(family.party_id, row.get(family.party_id, "")):
        party = table.get(number) or {}
        party["TOTALDUE"] = decimal_text(amount(party, "TOTALDUE") + change)
        table.update(number, party)


def state_of(row: Row, family: Family) -> str:
    """The state of a posted document by its paid and selected totals."""
    paid, due, selected = (amount(row, f"TRX_TOTAL{name}") for name in ("PAID", "DUE", "SELECTED"))
    if family is OVERPAYMENTS:
        return row.get("STATE", "")
    if selected and selected == due:
        return "Selected"
    if not paid:
        return "Posted"
    partly, fully = ("Partially applied", "Fully applied") if family is ADVANCES else ("Partially Paid", "Paid")
    return partly if due else fully
