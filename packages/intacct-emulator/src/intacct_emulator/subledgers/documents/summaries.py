"""Summaries: a document that names one posts on the summary's day, and the summary has the total of its documents.

Sage's pages call the day of a summary its GL posting date. That a posting date of the document's own goes first, and
that a closed summary takes no documents, is inferred.
"""

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.records.references import Reference, invalid_reference
from intacct_emulator.settings.cells import Row, decimal_text, escaped
from intacct_emulator.settings.refusals import refused

SUMMARIES = {
    "APBILL": ("APBILLBATCH", "pi"),
    "APADJUSTMENT": ("APBILLBATCH", "pa"),
    "ARINVOICE": ("ARINVOICEBATCH", "ri"),
    "ARADJUSTMENT": ("ARINVOICEBATCH", "ra"),
    "ARPYMT": ("ARINVOICEBATCH", "rp"),
    "EEXPENSES": ("EXPENSEREPORTBATCH", "ei"),
}
"""By document object: the summary object and the record type of both."""
KEY, TITLE = "PRBATCHKEY", "PRBATCH"


def join_summary(call: FunctionCall, name: str, row: Row) -> Row:
    """Find the summary that a new document names by key or title, and set its cells. Gives the summary, or nothing."""
    if name not in SUMMARIES or not (row.get(KEY) or row.get(TITLE)):
        return {}
    summary = _find(call.company, name, row)
    if summary.get("OPEN") == "Closed":
        raise refused(f"Summary '{summary['TITLE']}' is closed.", correction="Name an open summary.", field=KEY)
    row |= {KEY: summary["RECORDNO"], TITLE: summary["TITLE"]}
    if summary.get("CREATED") and not row.get("WHENPOSTED"):
        row["WHENPOSTED"] = summary["CREATED"]
    return summary


def _find(company: CompanyData, name: str, row: Row) -> Row:
    held, kind = SUMMARIES[name]
    table = company.table(held)
    field, text = ("RECORDNO", row[KEY]) if row.get(KEY) else ("TITLE", row[TITLE])
    for number in table.find(field, text):
        summary = table.get(number) or {}
        if summary.get("RECORDTYPE") == kind:
            return summary
    raise invalid_reference(Reference((held,), "Summary"), text, "", field=KEY if row.get(KEY) else TITLE)


def refresh_summary(call: FunctionCall, name: str, row: Row) -> None:
    """Set the total of a document's summary again."""
    if name not in SUMMARIES or not row.get(KEY):
        return
    documents = call.company.table(name)
    title = escaped(row.get(TITLE) or row[KEY])
    held = (one for _, one in documents.rows("instr(body, ?)", (title,)) if one.get(KEY) == row[KEY])
    total = sum((amount(one, "TOTALENTERED") for one in held), ZERO)
    table = call.company.table(SUMMARIES[name][0])
    for number in table.find("RECORDNO", row[KEY]):
        table.update(number, (table.get(number) or {}) | {"TOTAL": decimal_text(total)})
