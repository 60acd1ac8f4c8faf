"""Summaries of bills, invoices, adjustments, receipts and expense reports, with the documents inside them.

The schema lets a summary hold the functions that create its documents. They are run in their order, and one refusal
refuses the whole. `create_billbatch` with three bills creates four records.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.handlers.legacy import documents, payments
from intacct_emulator.records.audit_fields import CREATED, UNDEPOSITED, record_change, set_audit_fields
from intacct_emulator.records.legacy_body import day_text, key_answer
from intacct_emulator.settings.cells import Row, date_text
from intacct_emulator.subledgers.documents.summaries import SUMMARIES
from intacct_protocol.xml.xml import Element, element


@dataclass(frozen=True, slots=True)
class SummaryFunctions:
    """The functions of the summaries of one object."""

    object: str
    """The object of the documents."""
    parts: tuple[str, ...]
    """The functions that may stand inside."""

    def created(self, call: FunctionCall) -> FunctionAnswer:
        """`create_`: the summary, and then the documents that it holds."""
        name, kind = SUMMARIES[self.object]
        check_right(call, "CREATE", name)
        described, node = call.company.find(name), call.body.find("datecreated")
        day = day_text(call, node) if node is not None else ""
        table = call.company.table(name)
        row: Row = {"RECORDNO": str(table.next_number()), "TITLE": call.body.findtext("batchtitle").strip()}
        row |= {"CREATED": day or date_text(call.stamp.date()), "RECORDTYPE": kind, "OPEN": "Open", "STATUS": "active"}
        row |= {"TOTAL": "0", "ACCOUNTNOKEY": call.body.findtext("bankaccountid").strip()}
        row[UNDEPOSITED] = call.body.findtext("undepfundsacct").strip()
        set_audit_fields(call, described, row, new=True)
        table.insert(row)
        record_change(call, described, row, CREATED)
        for child in call.body.children:
            if child.tag in self.parts:
                _HANDLERS[child.tag](replace(call, body=_inside(child, row["RECORDNO"])))
        return key_answer(row["RECORDNO"])


def _inside(child: Element, key: str) -> Element:
    """The function of a document, with the key of the summary around it."""
    if child.tag.startswith("apply_"):
        return child
    named = element("batchkey", key)
    return Element(child.tag, "", (*(one for one in child.children if one.tag != "batchkey"), named), child.attributes)


_HANDLERS = {**documents.FUNCTIONS, **payments.FUNCTIONS}
FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "create_billbatch": SummaryFunctions("APBILL", ("create_bill",)).created,
    "create_apadjustmentbatch": SummaryFunctions("APADJUSTMENT", ("create_apadjustment",)).created,
    "create_invoicebatch": SummaryFunctions("ARINVOICE", ("create_invoice",)).created,
    "create_aradjustmentbatch": SummaryFunctions("ARADJUSTMENT", ("create_aradjustment",)).created,
    "create_expensereportbatch": SummaryFunctions("EEXPENSES", ("create_expensereport",)).created,
    "create_arpaymentbatch": SummaryFunctions("ARPYMT", ("create_arpayment", "apply_arpayment")).created,
}
