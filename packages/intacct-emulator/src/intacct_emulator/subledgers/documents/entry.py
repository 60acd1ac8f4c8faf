"""Bills, invoices, adjustments, expense reports and card transactions: entered, changed, deleted, reversed.

A document is posted at once, except a draft. A document that is paid in part cannot be deleted, and its lines and
amounts cannot be changed. New lines replace all old lines and are posted again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.periods import check_reversal_day, day_of, open_periods
from intacct_emulator.records import approval
from intacct_emulator.records.audit_fields import (
    CREATED,
    DELETED,
    MODIFIED,
    UNDEPOSITED,
    record_change,
    set_audit_fields,
)
from intacct_emulator.records.references import apply_references
from intacct_emulator.settings.cells import Row, date_text, decimal_text, escaped
from intacct_emulator.settings.refusals import FunctionRefusedError, refused
from intacct_emulator.subledgers.document_types import DocumentType, change_total_due, next_number, note_last_document
from intacct_emulator.subledgers.documents.charges import complete_lines, with_base_amounts
from intacct_emulator.subledgers.documents.document_posting import (
    control_named,
    document_of,
    entity_of,
    posting_of,
    set_currency,
    set_totals,
)
from intacct_emulator.subledgers.documents.rows import (
    every_line,
    fill_party_cells,
    keep_document,
    keep_lines,
    line_numbers,
    party_of,
    set_due_date,
    stored_lines,
    voucher_of,
)
from intacct_emulator.subledgers.documents.summaries import join_summary, refresh_summary
from intacct_emulator.subledgers.vouchers import (
    batches_of,
    keep_reversal_day,
    post,
    refresh_detail,
    reverse_all,
    start_without_batches,
    withdraw_all,
)
from intacct_protocol.errors import Fault

_RATE_CHOICE = ("CURRENCY", "EXCH_RATE_TYPE_ID", "EXCH_RATE_DATE")
"""Fields that choose an exchange rate: a change of one looks the rate up again."""
MOVES_MONEY = (
    *("VENDORID", "CUSTOMERID", "EMPLOYEEID", "FINANCIALENTITY", "BANKACCOUNTID", UNDEPOSITED),
    *("WHENCREATED", "WHENPOSTED", "EXCHANGE_RATE"),
    *_RATE_CHOICE,
)
_PAID = ("TOTALPAID", "TRX_TOTALPAID", "TOTALSELECTED", "TRX_TOTALSELECTED")


@dataclass(frozen=True, slots=True)
class DocumentInput:
    """A document of a request, by the field names of its object."""

    values: Row
    lines: Sequence[Row] | None = None
    """None leaves the lines as they are."""
    draft: bool = False
    control: str = ""
    """The control account if the document names it, such as that of a card or a bank."""
    state: str = ""
    """The state of a document that is not posted at once; empty for the usual state."""
    extra_cells: tuple[tuple[str, str], ...] = ()
    """Cells that are not fields of the object, such as the external id."""


def enter(call: FunctionCall, document_type: DocumentType, entry: DocumentInput) -> Row:
    """Keep a new document and post it."""
    row = {name: text for name, text in entry.values.items() if text and name != "RECORDNO"}
    join_summary(call, document_type.object, row)
    _check_header(call, document_type, row, entry)
    check_number(call, document_type, row)
    return _write(call, document_type, row, entry, key=str(next_number(call.company, "PRRECORD")))


_WITH_ACTION = ("APBILL", "APADJUSTMENT", "ARINVOICE", "ARADJUSTMENT")
"""Documents whose updates take an ACTION."""


def stays_draft(call: FunctionCall, document_type: DocumentType, stored: Row, action: str) -> bool:
    """Whether a document waits after an update with this action, which may be empty."""
    named = action.strip().lower()
    if stored.get("STATE") != "Draft":
        return named == "draft"
    setting = call.company.behaviour.update_action if document_type.object in _WITH_ACTION else "kept"
    return named == "draft" or setting == "ignored" or (not named and setting == "kept")


def change(call: FunctionCall, document_type: DocumentType, number: int, entry: DocumentInput) -> Row:
    """Change a document; a change of its lines or amounts withdraws its postings and posts it again."""
    company = call.company
    old = company.table(document_type.object).get(number) or {}
    values = {name: text for name, text in entry.values.items() if name != "RECORDNO"}
    draft = old.get("STATE") in ("Draft", "Submitted", "Declined", "Partially Approved")
    posts = draft and not entry.draft
    moved = entry.lines is not None or any(
        name in values and values[name] and values[name] != old.get(name, "") for name in MOVES_MONEY
    )
    check_unpaid(document_type, old, moved=moved)
    if document_type.party and values.get(document_type.party_id, old.get(document_type.party_id)) != old.get(
        document_type.party_id
    ):
        _check_never_settled(call, document_type, old, "given to another party")
    if not moved and not posts:
        return _renamed(call, document_type, old | values, number, values)
    row = old | values
    there = stored_lines(call, document_type, old)
    lines = there if entry.lines is None else _merged(there, entry.lines)
    entry = DocumentInput(
        row, lines, draft and entry.draft, entry.control or _control(call, document_type, old), entry.state
    )
    _check_header(call, document_type, row, entry)
    check_number(call, document_type, row, number)
    _withdraw(call, document_type, old)
    for name in ("EXCHANGE_RATE", "BASECURR", "WHENPOSTED"):
        if not values.get(name) and (any(one in values for one in _RATE_CHOICE) or name == "WHENPOSTED"):
            row.pop(name, None)
    return _write(call, document_type, row, entry, key=old["RECORDNO"])


def _merged(there: list[Row], sent: Sequence[Row]) -> list[Row]:
    """Lines of a request: one with the number of a stored line changes it, and the others are new."""
    by_key = {line["RECORDNO"]: line for line in there}
    return [by_key.get(line.get("RECORDNO", ""), {}) | line for line in sent]


def delete(call: FunctionCall, document_type: DocumentType, number: int) -> None:
    """Delete an unpaid document with its postings."""
    row = call.company.table(document_type.object).get(number) or {}
    check_unpaid(document_type, row, moved=True)
    if row.get("STATE") in ("Reversed", "Reversal"):
        raise refused(f"{document_type.noun} {row['RECORDNO']} is part of a reversal and cannot be deleted.")
    _check_never_settled(call, document_type, row, "deleted")
    _withdraw(call, document_type, row)
    for line_number in line_numbers(call, document_type, row):
        call.company.table(document_type.line).delete(line_number)
    call.company.table(document_type.object).delete(number)
    refresh_summary(call, document_type.object, row)
    record_change(call, call.company.find(document_type.object), row, DELETED)


def reverse(call: FunctionCall, document_type: DocumentType, number: int, *, day: str, memo: str) -> Row:
    """Reverse a document: enter its mirror on that day. Neither can be changed afterwards."""
    company = call.company
    old = company.table(document_type.object).get(number) or {}
    if old.get("STATE") in ("Draft", "Reversed", "Reversal", "Submitted", "Declined"):
        raise refused(f"{document_type.noun} {old['RECORDNO']} is {old['STATE'].lower()} and cannot be reversed.")
    check_unpaid(document_type, old, moved=True)
    check_reversal_day(company, old, "WHENPOSTED" if old.get("WHENPOSTED") else "WHENCREATED", day)
    mirror = _mirror(call, document_type, old, day=day, memo=memo)
    open_periods(company).check(day_of(mirror, "WHENCREATED"), {_owner(call, document_type, old)}, document_type.module)
    lines = every_line(call, document_type, old)
    company.table(document_type.object).insert(mirror)
    start_without_batches(call, document_type.object, mirror)
    keep_lines(call, document_type, mirror, [_negated(one) for one in lines])
    reverse_all(call, old, voucher_of(document_type, mirror))
    change_total_due(call, document_type, old, -amount(old, "TOTALDUE"))
    old |= {"STATE": "Reversed", "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    set_audit_fields(call, company.find(document_type.object), old, new=False)
    company.table(document_type.object).update(number, old)
    keep_reversal_day(call, document_type.object, old, day)
    _set_line_states(call, document_type, old)
    refresh_detail(call, document_type.object, old)
    refresh_summary(call, document_type.object, old)
    record_change(call, company.find(document_type.object), old, MODIFIED)
    record_change(call, company.find(document_type.object), mirror, CREATED)
    return mirror


def _set_line_states(call: FunctionCall, document_type: DocumentType, row: Row) -> None:
    """Give the lines of a document its state; they are modified now."""
    table, described = call.company.table(document_type.line), call.company.find(document_type.line)
    for number in line_numbers(call, document_type, row):
        line = (table.get(number) or {}) | {"STATE": row["STATE"]}
        set_audit_fields(call, described, line, new=False)
        table.update(number, line)


def _mirror(call: FunctionCall, document_type: DocumentType, old: Row, *, day: str, memo: str) -> Row:
    mirror = {name: text for name, text in old.items() if name not in (*_PAID, "WHENPAID", "WHENDUE")}
    mirror |= dict.fromkeys(_PAID, "0")
    mirror |= {"RECORDNO": str(next_number(call.company, "PRRECORD")), "STATE": "Reversal", "WHENCREATED": day}
    mirror |= {"WHENPOSTED": day, "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    if memo:
        mirror["DESCRIPTION"] = memo
    for name in ("TOTALENTERED", "TRX_TOTALENTERED"):
        mirror[name] = decimal_text(-amount(old, name))
    set_audit_fields(call, call.company.find(document_type.object), mirror, new=True)
    return mirror


def _negated(line: Row) -> Row:
    return line | {name: decimal_text(-amount(line, name)) for name in ("AMOUNT", "TRX_AMOUNT")} | {"RECORDNO": ""}


# --- refusals


def check_unpaid(document_type: DocumentType, row: Row, *, moved: bool) -> None:
    """Refuse a change of amounts or lines of a document that is paid in full or in part."""
    if moved and (amount(row, "TRX_TOTALPAID") or amount(row, "TRX_TOTALSELECTED")):
        raise refused(
            f"{document_type.noun} {row.get('RECORDID') or row['RECORDNO']} is paid, in full or in part, and its "
            "lines, dates and currency cannot be changed.",
            errorno="BL03000130",
            correction="Reverse the payment first.",
        )
    if moved and row.get("STATE") in ("Reversed", "Reversal"):
        raise refused(f"{document_type.noun} {row['RECORDNO']} is part of a reversal and cannot be changed.")


def _check_never_settled(call: FunctionCall, document_type: DocumentType, row: Row, what: str) -> None:
    """Refuse to take away a document that a payment settled, since the reversal of the payment stays in the ledger."""
    accepted = call.company.behaviour.delete_settled == "accepted"
    if not accepted and call.company.facts.once_settled.get(document_type.object, row.get("RECORDNO", "")):
        raise refused(
            f"{document_type.noun} {row.get('RECORDID') or row['RECORDNO']} was settled by a payment that is reversed, "
            f"and cannot be {what}.",
            correction=f"Reverse the {document_type.noun.lower()} instead.",
        )


def check_number(call: FunctionCall, document_type: DocumentType, row: Row, number: int | None = None) -> None:
    """Refuse a number that another document of the party has, if the settings ask for unique numbers."""
    text = row.get("RECORDID", "")
    if (
        not text
        or not call.company.behaviour.unique_document_numbers
        or document_type.party not in ("VENDOR", "CUSTOMER")
    ):
        return
    table = call.company.table(document_type.object)
    for other, there in table.rows("instr(body, ?)", (escaped(text),)):
        same = all(there.get(name) == row.get(name) for name in ("RECORDID", document_type.party_id))
        if same and other != number and there.get("STATE") != "Reversal":
            raise refused(
                f"A transaction with that number already exists: {document_type.noun} {text} of "
                f"{row.get(document_type.party_id, '')}.",
                errorno="BL03002185",
                correction="Use another number.",
            )


def _check_header(call: FunctionCall, document_type: DocumentType, row: Row, entry: DocumentInput) -> None:
    required = [document_type.party_id] if document_type.party else []
    if not entry.draft:
        required.append("WHENCREATED")
        if document_type.object in ("APBILL", "ARINVOICE") and not row.get("TERMNAME"):
            required.append("WHENDUE")
    missing = [name for name in required if not row.get(name)]
    if not entry.lines:
        missing.append(f"{document_type.line}S")
    if missing:
        faults = (f"Required field {name} is missing for {document_type.object}." for name in missing)
        raise FunctionRefusedError(*(Fault("BL01001973", description2=text) for text in faults))
    apply_references(call.company, call.company.find(document_type.object), dict(row), row)


# --- writing


def _write(call: FunctionCall, document_type: DocumentType, row: Row, entry: DocumentInput, *, key: str) -> Row:
    company = call.company
    described, table = company.find(document_type.object), company.table(document_type.object)
    new = table.get(int(key)) is None
    if new:
        start_without_batches(call, document_type.object, {"RECORDNO": key})
    row.setdefault("WHENCREATED", date_text(call.stamp.date()))
    party = party_of(call, document_type, row)
    lines = [made for one in entry.lines or () for made in complete_lines(call, document_type, row, one, party=party)]
    owner = entity_of(call, row, lines)
    set_currency(call, document_type, row, owner)
    factor = Decimal(row["EXCHANGE_RATE"])
    row["STATE"] = _state(call, document_type, entry, row, lines)
    row |= {
        "RECORDNO": key,
        "RECORDTYPE": document_type.type,
        "MODULEKEY": row.get("MODULEKEY") or document_type.module,
    }
    row |= {"RAWSTATE": "D" if entry.draft else "A", "SYSTEMGENERATED": "F"}
    rounding = posting_rules(company).rounding
    lines = [with_base_amounts(one, row, factor, rounding) for one in lines]
    document = document_of(call, document_type, row, lines, owner)
    posting = posting_of(
        call, document_type, document, control_named(call, document_type, row, lines, named=entry.control)
    )
    set_totals(row, document, posting, factor)
    set_due_date(call, document_type, row)
    fill_party_cells(call, document_type, row)
    set_audit_fields(call, described, row, new=new)
    row |= dict(entry.extra_cells)
    control = next((one.account for one in posting.lines if one.role == "control"), "")
    keep_document(call, document_type, row, [one | {"OFFSETGLACCOUNTNO": control} for one in lines])
    if row["STATE"] in ("Posted", "Approved"):
        post(call, posting, voucher_of(document_type, row, rate=factor))
        change_total_due(call, document_type, row, amount(row, "TOTALDUE"))
        note_last_document(call, document_type, row)
    refresh_summary(call, document_type.object, row)
    record_change(call, described, row, CREATED if new else MODIFIED)
    if row["STATE"] == approval.SUBMITTED:
        approval.note_submission(call, document_type.object, row)
    return row


def _state(
    call: FunctionCall, document_type: DocumentType, entry: DocumentInput, row: Row, lines: Sequence[Row]
) -> str:
    """The state of a document that is entered: a bill that its policy, or the behaviour, holds back is submitted."""
    if entry.draft:
        return "Draft"
    if entry.state or document_type.object != "APBILL":
        return entry.state or "Posted"
    total = sum((amount(one, "TRX_AMOUNT") for one in lines), ZERO) * Decimal(row["EXCHANGE_RATE"])
    waits = approval.levels_of(call.company, document_type.object, {"TOTALENTERED": str(total)})
    return approval.SUBMITTED if waits or call.company.behaviour.approve_bills else "Posted"


def _owner(call: FunctionCall, document_type: DocumentType, row: Row) -> str:
    return entity_of(call, row, every_line(call, document_type, row), stored=True)


def _withdraw(call: FunctionCall, document_type: DocumentType, row: Row) -> None:
    if batches_of(call, document_type.object, row):
        withdraw_all(call, document_type.object, row)
        change_total_due(call, document_type, row, -amount(row, "TOTALDUE"))


def _control(call: FunctionCall, document_type: DocumentType, row: Row) -> str:
    lines = stored_lines(call, document_type, row)
    return lines[0].get("OFFSETGLACCOUNTNO", "") if lines else ""


def _renamed(call: FunctionCall, document_type: DocumentType, row: Row, number: int, values: Row) -> Row:
    described = call.company.find(document_type.object)
    apply_references(call.company, described, values, row)
    check_number(call, document_type, row, number)
    set_audit_fields(call, described, row, new=False)
    call.company.table(document_type.object).update(number, row)
    refresh_detail(call, document_type.object, row)
    record_change(call, described, row, MODIFIED)
    return row
