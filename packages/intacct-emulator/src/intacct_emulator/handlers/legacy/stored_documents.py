"""Documents that are only stored: recurring bills, invoices and orders, reimbursement requests, bank reconciliations.

They have no effect: a recurring bill creates no bills, a reimbursement request pays nothing. For each kind, a
description says how the function's body is read; other required fields are filled from the sent ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.handlers.legacy.documents import DOCUMENT_FUNCTIONS
from intacct_emulator.ledger.amounts import ZERO, amount, number_sent
from intacct_emulator.records import record_store
from intacct_emulator.records.drafts import Draft
from intacct_emulator.records.legacy_body import day_text, external_id, find_number, key_answer, row_of_body
from intacct_emulator.records.references import Reference, find_reference
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.document_types import next_number
from intacct_protocol.xml.xml import Element

_SCHEDULE = "startdate interval:REPEATINTERVAL status "
_LINE = (
    "glaccountno:GLACCOUNTNO accountlabel amount:TRX_AMOUNT memo:ENTRYDESCRIPTION locationid departmentid projectid "
    "customerid vendorid employeeid itemid classid"
)


@dataclass(frozen=True, slots=True)
class StoredDocumentFunctions:
    """The functions of one kind of document."""

    object: str
    head: str
    items: str = ""
    line: str = ""
    cells: str = _LINE
    same: dict[str, str] = field(default_factory=dict)
    """Fields that get the value of another field if they are not sent."""
    banks: tuple[str, ...] = ()
    """Fields that must name a bank account."""
    counted: bool = False
    """Whether its record numbers belong to the series that all documents share."""

    def created(self, call: FunctionCall) -> FunctionAnswer:
        """`create_`: the document is stored with its lines."""
        check_right(call, "CREATE", self.object)
        described, body = call.company.find(self.object), call.body
        values = row_of_body(call, described, body, self.head) | dict(external_id(call, self.object, body))
        for bank in self.banks:
            _check_bank(call, values.get(bank, ""))
        wrapper = body.find(self.items) if self.items else None
        lines = self._lines(call, wrapper.children if wrapper is not None else ())
        if self.items and not lines:
            raise refused(f"Required field {self.items} is missing.", correction="Provide at least one line.")
        self._complete(call, values, lines)
        drafts = [Draft(call.company.find(self.line), one) for one in lines] if self.line else []
        number = next_number(call.company, "PRRECORD") if self.counted else None
        row = record_store.create(call, Draft(described, values, {self.line: drafts} if drafts else {}), number=number)
        return key_answer(row["RECORDNO"])

    def deleted(self, call: FunctionCall) -> FunctionAnswer:
        """`delete_`."""
        check_right(call, "DELETE", self.object)
        key = (call.body.get("key") or "").strip()
        record_store.delete(call, call.company.find(self.object), find_number(call, self.object, key))
        return key_answer(key)

    def _lines(self, call: FunctionCall, nodes: tuple[Element, ...]) -> list[Row]:
        if not self.line:
            return [{"TRX_AMOUNT": _line_amount(one)} for one in nodes]
        described = call.company.find(self.line)
        return [row_of_body(call, described, one, self.cells) for one in nodes]

    def _complete(self, call: FunctionCall, values: Row, lines: list[Row]) -> None:
        described = call.company.find(self.object)
        ending = call.body.find("ending")
        if ending is not None and ending.find("enddate") is not None:
            values["ENDDATE"] = day_text(call, ending.find("enddate") or ending)
        elif ending is not None:
            values["REPEATCOUNT"] = ending.findtext("occur").strip()
        repeats = described.get("REPEATBY")
        if repeats is not None:  # `Months`, or `M` in some objects
            text = call.body.findtext("modenew").strip()
            values["REPEATBY"] = next((one for one in repeats.values if one in (text, text[:1])), "")
        for name, other in self.same.items():
            values.setdefault(name, values.get(other, ""))
        total = sum((amount(one, "TRX_AMOUNT") for one in lines), Decimal(0))
        for name in ("TOTALENTERED", "TRX_TOTALENTERED", "TOTAL", "TRX_TOTAL", "PAYMENTAMOUNT"):
            if name in described.fields and lines:
                values.setdefault(name, decimal_text(total))
        for name, text in (("BASECURR", _base(call)), ("NEXTEXECDATE", values.get("STARTDATE", ""))):
            if name in described.fields:
                values.setdefault(name, text)


def _line_amount(node: Element) -> str:
    """The amount of a line without an object of its own."""
    for name in ("paymentamount", "amount"):
        if node.findtext(name).strip():
            return node.findtext(name).strip()
    return decimal_text(_count(node, "quantity") * _count(node, "price"))


def _count(node: Element, name: str) -> Decimal:
    return number_sent(name, node.findtext(name)) or ZERO


def _base(call: FunctionCall) -> str:
    for _, row in call.company.table("LOCATIONENTITY").rows():
        return row.get("CURRENCY", "USD")
    return "USD"


def _check_bank(call: FunctionCall, name: str) -> None:
    find_reference(call.company, Reference(("CHECKINGACCOUNT", "SAVINGSACCOUNT"), "Bank Account"), name)


BILLS = StoredDocumentFunctions(
    "APRECURBILL",
    "vendorid datecreated:WHENCREATED recordid docnumber description contractid contractdesc termname currency "
    "supdocid paytocontactname returntocontactname " + _SCHEDULE,
    "recurbillitems",
    "APRECURBILLENTRY",
    counted=True,
)
INVOICES = StoredDocumentFunctions(
    "ARRECURINVOICE",
    "customerid datecreated:WHENCREATED recordid docnumber description contractid contractdesc termname currency "
    "supdocid billtocontactname shiptocontactname taxsolutionid paymethod payinfull paymentamount " + _SCHEDULE,
    "recurinvoiceitems",
    "ARRECURINVOICEENTRY",
    counted=True,
)
ORDERS = StoredDocumentFunctions(
    "SORECURDOCUMENT",
    "transactiontype:DOCID customerid:ENTITY referenceno:PONUMBER termname:TERM.NAME message contractid contractdesc "
    "customerponumber shippingmethod:SHIPVIA shipto/contactname:SHIPTO.CONTACTNAME "
    "billto/contactname:BILLTO.CONTACTNAME basecurr currency docstatus startdate interval:INTERVAL status",
    "recursotransitems",
)
REIMBURSEMENTS = StoredDocumentFunctions(
    "EPPAYMENTREQUEST",
    "bankaccountid:FINANCIALACCOUNT employeeid memo paymentmethod:PAYMENTTYPE paymentdate:PAYMENTDATE "
    "documentnumber:DOCUMENTNUMBER paymentdescription:DESCRIPTION",
    "eppaymentrequestitems",
    same={"WHENCREATED": "PAYMENTDATE", "WHENDUE": "PAYMENTDATE", "WHENDISCOUNT": "PAYMENTDATE"},
    banks=("FINANCIALACCOUNT",),
)
RECONCILIATIONS = StoredDocumentFunctions(
    "BANKACCTRECON",
    "bankaccountid:FINANCIALENTITY cutoffdate statementendingdate:STMTENDINGDATE reconmode:MODE "
    "statementendingbalance:STMTENDINGBALANCE",
    "banktxns",
    banks=("FINANCIALENTITY",),
)
ENTITY_ACCOUNTS = StoredDocumentFunctions("VENDORENTITYACCOUNT", "vendorid accountno:ACCOUNTNUMBER locationid")


def delete_bill(call: FunctionCall) -> FunctionAnswer:
    """Delete a bill or a recurring bill: both have the same function and one series of record numbers."""
    key = (call.body.get("key") or "").strip()
    recurs = call.body.get("externalkey") != "true" and call.company.table(BILLS.object).find("RECORDNO", key)
    return BILLS.deleted(call) if recurs else DOCUMENT_FUNCTIONS["bill"].deleted(call)


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "create_recurringbill": BILLS.created,
    "delete_bill": delete_bill,
    "create_recurringinvoice": INVOICES.created,
    "delete_recurringinvoice": INVOICES.deleted,
    "create_recursotransaction": ORDERS.created,
    "delete_recursotransaction": ORDERS.deleted,
    "create_reimbursementrequest": REIMBURSEMENTS.created,
    "create_vendorentityaccountno": ENTITY_ACCOUNTS.created,
    "reconcile_bank": RECONCILIATIONS.created,
}
