"""The rows of a document: the header with cells of its party and terms, and its lines in their order.

A tax on a line is also a row of the lines' object, with LINEITEM F, behind its line and with the same LINE_NO. If a
stored document is written again, a line has its taxes in the cell `TAXENTRIES` (see `taxes`).
"""

from collections.abc import Sequence
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.journals.taxes import TAX_ENTRIES, is_tax_row, tax_cell_with
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.records.audit_fields import set_audit_fields
from intacct_emulator.records.named_contacts import version_key
from intacct_emulator.settings.cells import Row, date_text
from intacct_emulator.subledgers.document_types import DocumentType, next_number
from intacct_emulator.subledgers.documents.terms import term_day
from intacct_emulator.subledgers.vouchers import Voucher


def stored_lines(call: FunctionCall, document_type: DocumentType, row: Row) -> list[Row]:
    """A document's lines, in their order, each with its taxes."""
    lines: list[Row] = []
    for line in every_line(call, document_type, row):
        if not is_tax_row(line):
            lines.append(line)
        elif lines:
            lines[-1] |= {TAX_ENTRIES: tax_cell_with(call, line, lines[-1].get(TAX_ENTRIES, ""))}
    return lines


def every_line(call: FunctionCall, document_type: DocumentType, row: Row) -> list[Row]:
    """All rows below a document's header, in their order, with taxes behind their lines."""
    table = call.company.table(document_type.line)
    lines = [table.get(number) or {} for number in line_numbers(call, document_type, row)]
    return sorted(lines, key=lambda line: (int(line.get("LINE_NO") or 0), is_tax_row(line)))


def line_numbers(call: FunctionCall, document_type: DocumentType, row: Row) -> list[int]:
    """The row numbers of a document's lines."""
    return call.company.table(document_type.line).find("RECORDKEY", row.get("RECORDNO", ""))


def keep_document(call: FunctionCall, document_type: DocumentType, row: Row, lines: list[Row]) -> None:
    """Store a document, new or changed, with these lines."""
    table = call.company.table(document_type.object)
    number = int(row["RECORDNO"])
    if table.get(number) is None:
        table.insert(row, number)
    else:
        table.update(number, row)
    keep_lines(call, document_type, row, lines)


def keep_lines(call: FunctionCall, document_type: DocumentType, row: Row, lines: Sequence[Row]) -> None:
    """Replace the document's lines by these; a line with the number of an old line keeps that number."""
    table, described = call.company.table(document_type.line), call.company.find(document_type.line)
    there = {str(number) for number in line_numbers(call, document_type, row)}
    for number in there:
        table.delete(int(number))
    place, parent = 0, ""
    for line in lines:
        stored_number = line.get("RECORDNO", "")
        key = stored_number if stored_number in there else str(next_number(call.company, "PRENTRY"))
        there.discard(key)
        if is_tax_row(line):
            line = line | {"PARENTENTRY": parent}  # noqa: PLW2901
        else:
            place, parent = place + 1, key
        cells = line | {"RECORDKEY": row["RECORDNO"], "LINE_NO": str(place), "RECORDNO": key, "STATE": row["STATE"]}
        set_audit_fields(call, described, cells, new=True)
        table.insert(cells, int(key))


def party_of(call: FunctionCall, document_type: DocumentType, row: Row) -> Row:
    """The vendor, customer or employee of a document; empty for a document without one."""
    if not document_type.party:
        return {}
    table = call.company.table(document_type.party)
    for number in table.find(document_type.party_id, row.get(document_type.party_id, "")):
        return table.get(number) or {}
    return {}


def set_due_date(call: FunctionCall, document_type: DocumentType, row: Row) -> None:
    """Set the posting date and, from the terms, the due date, if the document has none."""
    row.setdefault("WHENPOSTED", row["WHENCREATED"])
    if row.get("WHENDUE") or not row.get("TERMNAME"):
        return
    term = term_of(call, document_type, row)
    if term:
        due = term_day(day_of(row, "WHENCREATED"), int(term.get("DUEDATE") or 0), term.get("DUEFROM", ""))
        row["WHENDUE"] = date_text(due)


def term_of(call: FunctionCall, document_type: DocumentType, row: Row) -> Row:
    """The terms of a document; empty if it names none."""
    for name in ("APTERM", "ARTERM") if document_type.payable else ("ARTERM", "APTERM"):
        table = call.company.table(name)
        for number in table.find("NAME", row.get("TERMNAME", "")):
            return table.get(number) or {}
    return {}


_CONTACTS = {"BILLTO": "BILLTOPAYTO", "SHIPTO": "SHIPTORETURNTO"}
"""The contacts of a document, and how their cells begin in any document."""


def fill_party_cells(call: FunctionCall, document_type: DocumentType, row: Row) -> None:
    """Fill the cells that a document repeats of its party."""
    party = party_of(call, document_type, row)
    if not party:
        return
    row[f"{document_type.party}KEY"] = party["RECORDNO"]
    row["ENTITY"] = row["EMPENTITY"] = f"{document_type.party[0]}{row[document_type.party_id]}"
    contact = party.get("DISPLAYCONTACT.CONTACTNAME", "")
    if contact:
        row.setdefault("BILLTOPAYTOCONTACTNAME", contact)
    fields = call.company.find(document_type.object).fields
    if contact and document_type.party == "CUSTOMER":
        row.setdefault("SHIPTORETURNTOCONTACTNAME", contact)
        named = (("CONTACT", contact), *((role, row[f"{cells}CONTACTNAME"]) for role, cells in _CONTACTS.items()))
        row |= {f"{role}.CONTACTNAME": name for role, name in named if f"{role}.CONTACTNAME" in fields}
    for cells in _CONTACTS.values():
        if f"{cells}KEY" in fields:
            row[f"{cells}KEY"] = version_key(call.company, row.get(f"{cells}CONTACTNAME", ""))
    row |= {"FIRSTNAME": party.get("PERSONALINFO.FIRSTNAME", ""), "LASTNAME": party.get("PERSONALINFO.LASTNAME", "")}
    for name in [name for name, text in row.items() if not text]:
        del row[name]


def voucher_of(document_type: DocumentType, row: Row, *, rate: Decimal = Decimal(1)) -> Voucher:
    """The voucher of a document, for its batches."""
    title_of = row.get("VENDORNAME") or row.get("CUSTOMERNAME") or row.get("LASTNAME") or row.get("DESCRIPTION", "")
    title = f"{document_type.noun} {row.get('RECORDID') or row['RECORDNO']}, {title_of}".rstrip(", ")
    day = day_of(row, "WHENPOSTED" if row.get("WHENPOSTED") else "WHENCREATED")
    module = row.get("MODULEKEY") or document_type.module
    # A document without open items is money spent or received at once: no payment will post it to the cash book.
    return Voucher(
        document_type.object,
        row,
        document_type.journal,
        module,
        title,
        day,
        rate,
        in_every_book=not document_type.party,
    )
