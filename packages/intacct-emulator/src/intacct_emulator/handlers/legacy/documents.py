"""Bills, invoices, adjustments, expense reports, card transactions and other receipts.

Each function reads its body by a table of names and does the same as the generic functions. An update names a line by
its position, counted from 1. Lines that it does not name stay, and a `lineitem` is added.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.ledger.amounts import Rounding, number_sent
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.journals.taxes import GROSS, TAX_ENTRIES, tax_cell
from intacct_emulator.records.audit_fields import UNDEPOSITED
from intacct_emulator.records.effect_check import with_effect_check
from intacct_emulator.records.legacy_body import day_text, external_id, find_number, key_answer, row_of_body
from intacct_emulator.records.references import Reference, find_reference
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import FunctionRefusedError, refused
from intacct_emulator.subledgers.document_types import DOCUMENT_TYPES, DocumentType
from intacct_emulator.subledgers.documents import entry as documents
from intacct_emulator.subledgers.documents.entry import DocumentInput
from intacct_emulator.subledgers.documents.rows import stored_lines
from intacct_protocol.errors import Fault
from intacct_protocol.xml.xml import Element

_HEAD = (
    "vendorid customerid employeeid datecreated:WHENCREATED dateposted:WHENPOSTED datedue:WHENDUE termname onhold "
    "ponumber:DOCNUMBER description basecurr currency exchratedate:EXCH_RATE_DATE "
    "exchratetype:EXCH_RATE_TYPE_ID exchrate:EXCHANGE_RATE supdocid "
    "inclusivetax taxsolutionid memo batchkey:PRBATCHKEY payto/contactname:BILLTOPAYTOCONTACTNAME "
    "billto/contactname:BILLTOPAYTOCONTACTNAME "
    "returnto/contactname:SHIPTORETURNTOCONTACTNAME shipto/contactname:SHIPTORETURNTOCONTACTNAME "
)
_LINE = (
    "glaccountno:ACCOUNTNO accountlabel offsetglaccountno amount:TRX_AMOUNT memo:ENTRYDESCRIPTION locationid "
    "allocationid:ALLOCATION "
    "departmentid projectid taskid costtypeid customerid vendorid employeeid itemid classid contractid warehouseid "
    "item1099:FORM1099 form1099type "
    "form1099box billable revrectemplate revrecstartdate revrecenddate "
)
NOT_EMULATED = "EMULATOR-0001"
_APPROVED_AT_ONCE = ("EEXPENSES", "EXPENSEADJUSTMENTS", "OTHERRECEIPTS")
_EXPENSE = _LINE.replace("memo:ENTRYDESCRIPTION", "memo:DESCRIPTION")


@dataclass(frozen=True, slots=True)
class DocumentFunctions:
    """The functions of one type of document, and the names that their bodies use."""

    document_type: DocumentType
    items: str
    item: str
    head: str
    line: str = _LINE

    def created(self, call: FunctionCall) -> FunctionAnswer:
        """`create_` or `record_`."""
        check_right(call, "CREATE", self.document_type.object)
        extra_cells = external_id(call, self.document_type.object, call.body)
        entry = self._entry(call, extra_cells)
        return key_answer(documents.enter(call, self.document_type, entry)["RECORDNO"])

    def updated(self, call: FunctionCall) -> FunctionAnswer:
        """`update_`."""
        check_right(call, "UPDATE", self.document_type.object)
        number = self._number(call)
        old = call.company.table(self.document_type.object).get(number) or {}
        entry = self._entry(call, ())
        waits = documents.stays_draft(call, self.document_type, old, call.body.findtext("action"))
        values = entry.values
        if call.body.get("set_nulls") != "true":
            values = {name: text for name, text in values.items() if text}
        wrapper = call.body.find(f"update{self.items}") or call.body.find(self.items)
        values = _with_one_account({}, values)
        lines = None if wrapper is None else self._changed(call, old, wrapper)
        state = entry.state if waits is False else ""
        control = self._control(call, _with_one_account(old, values))
        documents.change(call, self.document_type, number, DocumentInput(values, lines, waits, control, state))
        return key_answer(old["RECORDNO"])

    def deleted(self, call: FunctionCall) -> FunctionAnswer:
        """`delete_`."""
        check_right(call, "DELETE", self.document_type.object)
        documents.delete(call, self.document_type, self._number(call))
        return key_answer(call.body.get("key") or "")

    def reversed(self, call: FunctionCall) -> FunctionAnswer:
        """`reverse_`."""
        check_right(call, "UPDATE", self.document_type.object)
        node = call.body.find("datereversed")
        day = day_text(call, node) if node is not None else ""
        if not day:
            raise refused("Required field datereversed is missing.", correction="Provide the day of the reversal.")
        memo = call.body.findtext("description").strip() or call.body.findtext("memo").strip()
        return key_answer(
            documents.reverse(call, self.document_type, self._number(call), day=day, memo=memo)["RECORDNO"]
        )

    def _number(self, call: FunctionCall) -> int:
        return find_number(call, self.document_type.object, (call.body.get("key") or "").strip())

    def _entry(self, call: FunctionCall, extra_cells: tuple[tuple[str, str], ...]) -> DocumentInput:
        if call.body.findtext("nogl").strip().lower() == "true":
            text = "A document outside the general ledger is not emulated. Leave nogl out."
            raise FunctionRefusedError(Fault(NOT_EMULATED, "Not emulated", text, field="nogl"))
        described = call.company.find(self.document_type.object)
        values = row_of_body(call, described, call.body, self.head)
        wrapper = call.body.find(self.items)
        lines = [self._line(call, one) for one in wrapper.children] if wrapper is not None else []
        draft = "draft" in (call.body.findtext("action").strip().lower(), call.body.findtext("state").strip().lower())
        control = self._control(call, values)
        state = "Approved" if self.document_type.object in _APPROVED_AT_ONCE and not draft else ""
        return DocumentInput(values, lines, draft, control, state, extra_cells)

    def _control(self, call: FunctionCall, values: Row) -> str:
        """The account behind a card or a bank."""
        if self.document_type.object == "CCTRANSACTION" and values.get("FINANCIALENTITY"):
            card = find_reference(call.company, Reference(("CREDITCARD",), "Charge Card"), values["FINANCIALENTITY"])
            return card.get("LIABACCTKEY", "")
        if self.document_type.object == "OTHERRECEIPTS":
            if values.get("BANKACCOUNTID"):
                banks = Reference(("CHECKINGACCOUNT", "SAVINGSACCOUNT"), "Bank Account")
                return find_reference(call.company, banks, values["BANKACCOUNTID"]).get("GLACCOUNTNO", "")
            return values.get(UNDEPOSITED, "")
        return ""

    def _line(self, call: FunctionCall, node: Element) -> Row:
        row = row_of_body(call, call.company.find(self.document_type.line), node, self.line)
        if self.document_type.object == "EEXPENSES":
            _convert_expense(row, node, posting_rules(call.company).rounding)
        taxes = node.find("taxentries")
        if taxes is not None:
            pairs = [(one.findtext("detailid").strip(), one.findtext("trx_tax").strip()) for one in taxes.children]
            row[TAX_ENTRIES] = tax_cell(pairs)
            if call.body.findtext("inclusivetax").strip().lower() == "true" and row.get("TRX_AMOUNT"):
                row[GROSS] = row.pop("TRX_AMOUNT")
        return row

    def _changed(self, call: FunctionCall, old: Row, wrapper: Element) -> list[Row]:
        lines = stored_lines(call, self.document_type, old)
        added = []
        for node in wrapper.children:
            if not node.tag.startswith("update"):
                added.append(self._line(call, node))
                continue
            place = (node.get("line_num") or "").strip()
            if not place.isdecimal() or not 1 <= int(place) <= len(lines):
                raise refused(
                    f"There is no line {place}; the transaction has {len(lines)}.",
                    correction="Count line_num from 1.",
                )
            lines[int(place) - 1] = lines[int(place) - 1] | self._line(call, node)
        return lines + added


def _with_one_account(old: Row, values: Row) -> Row:
    """The cells after a change; a bank takes the place of undeposited funds, and undeposited funds that of a bank."""
    row = old | values
    for sent, other in (("BANKACCOUNTID", UNDEPOSITED), (UNDEPOSITED, "BANKACCOUNTID")):
        if values.get(sent):
            row[other] = ""
    return row


def _convert_expense(row: Row, node: Element, rounding: Rounding) -> None:
    """Convert an expense in another currency, or by the unit, to an amount of the report."""
    sent, original, factor, count, unit = (
        number_sent(name, node.findtext(name)) for name in ("amount", "trx_amount", "exchrate", "quantity", "rate")
    )
    comes_to = sent
    if original is not None:
        comes_to = rounding.to_base(original, factor if factor is not None else Decimal(1))
        row |= {"ORG_AMOUNT": str(original), "ORG_CURRENCY": node.findtext("currency").strip()}
        row |= {"ORG_EXCHRATE": str(factor)} if factor is not None else {}
    elif sent is None and count is not None and unit is not None:
        comes_to = rounding.round(count * unit)
    elif factor is not None:
        raise refused(f"exchrate {factor} goes with trx_amount.", correction="Provide trx_amount.", field="exchrate")
    if sent is not None and comes_to != sent:
        raise refused(
            f"The amount {sent} of an expense is not {comes_to}, which its trx_amount comes to.",
            correction="Leave amount out, or correct the rate.",
            field="amount",
        )
    if comes_to is not None:
        row["TRX_AMOUNT"] = str(comes_to)


DOCUMENT_FUNCTIONS: dict[str, DocumentFunctions] = {
    "bill": DocumentFunctions(DOCUMENT_TYPES["APBILL"], "billitems", "lineitem", _HEAD + "billno:RECORDID"),
    "invoice": DocumentFunctions(DOCUMENT_TYPES["ARINVOICE"], "invoiceitems", "lineitem", _HEAD + "invoiceno:RECORDID"),
    "apadjustment": DocumentFunctions(
        DOCUMENT_TYPES["APADJUSTMENT"],
        "apadjustmentitems",
        "lineitem",
        _HEAD + "adjustmentno:RECORDID billno:DOCNUMBER",
    ),
    "aradjustment": DocumentFunctions(
        DOCUMENT_TYPES["ARADJUSTMENT"],
        "aradjustmentitems",
        "lineitem",
        _HEAD + "adjustmentno:RECORDID invoiceno:DOCNUMBER",
    ),
    "expensereport": DocumentFunctions(
        DOCUMENT_TYPES["EEXPENSES"],
        "expenses",
        "expense",
        _HEAD + "expensereportno:RECORDID",
        _EXPENSE + "expensetype:ACCOUNTLABEL expensedate:ENTRY_DATE paidto paidfor quantity rate:UNITRATE",
    ),
    "expenseadjustmentreport": DocumentFunctions(
        DOCUMENT_TYPES["EXPENSEADJUSTMENTS"],
        "expenseadjustments",
        "expenseadjustment",
        _HEAD + "adjustmentno:RECORDID docnumber",
        _EXPENSE + "expensetype:ACCOUNTLABEL expensedate:ENTRY_DATE trx_amount quantity rate",
    ),
    "cctransaction": DocumentFunctions(
        DOCUMENT_TYPES["CCTRANSACTION"],
        "ccpayitems",
        "ccpayitem",
        _HEAD + "chargecardid:FINANCIALENTITY paymentdate:WHENCREATED referenceno:RECORDID payee:DESCRIPTION2",
        _EXPENSE.replace("amount:TRX_AMOUNT", "paymentamount:TRX_AMOUNT") + "description",
    ),
    "otherreceipt": DocumentFunctions(
        DOCUMENT_TYPES["OTHERRECEIPTS"],
        "receiptitems",
        "lineitem",
        _HEAD + "paymentdate:WHENPAID receiveddate:WHENCREATED payee:DESCRIPTION2 paymentmethod:PAYMETHOD "
        "bankaccountid:BANKACCOUNTID depositdate:DEPOSITDATE refid:DOCNUMBER "
        f"undepglaccountno:{UNDEPOSITED}",
        _EXPENSE,
    ),
}


_LINE_AMOUNTS = "amount exchrate trx_tax"
EFFECTIVE = {
    "expensereport": "amount trx_amount exchrate quantity rate",
    "cctransaction": "paymentamount exchrate",
}
"""The amounts that have an effect in a document of this type, if they differ from those of a line and its taxes."""


_ELSEWHERE = {
    *(f"reverse_{name}" for name in ("apadjustment", "aradjustment", "expenseadjustmentreport", "otherreceipt")),
    "delete_cctransaction",
    "delete_bill",
}
"""Functions that the published schema does not have, so that they are refused before they get here; and `delete_bill`,
which deletes recurring bills too (see `stored_documents`)."""


def _document_functions() -> dict[str, Callable[[FunctionCall], FunctionAnswer]]:
    handlers: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {}
    for name, functions in DOCUMENT_FUNCTIONS.items():
        start = "record" if name in ("cctransaction", "otherreceipt") else "create"
        effective = EFFECTIVE.get(name, _LINE_AMOUNTS)
        handlers[f"{start}_{name}"] = with_effect_check(functions.created, effective)
        handlers[f"update_{name}"] = with_effect_check(functions.updated, effective)
        handlers[f"delete_{name}"] = functions.deleted
        handlers[f"reverse_{name}"] = functions.reversed
    return {name: handler for name, handler in handlers.items() if name not in _ELSEWHERE}


FUNCTIONS = _document_functions()
