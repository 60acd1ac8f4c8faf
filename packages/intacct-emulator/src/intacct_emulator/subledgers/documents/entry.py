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
from intacct_emulator.subledgers.documents.charges import complete_lines, with_base_amounts
from intacct_emulator.subledgers.documents.posting import (
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
from intacct_emulator.subledgers.families import Family, change_total_due, next_number
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
    more: tuple[tuple[str, str], ...] = ()
    """Cells that are not fields of the object, such as the external id."""


def enter(call: FunctionCall, family: Family, entry: DocumentInput) -> Row:
    """Keep a new document and post it."""
    row = {name: text for name, text in entry.values.items() if text and name != "RECORDNO"}
    join_summary(call, family.object, row)
    _check_header(call, family, row, entry)
    check_number(call, family, row)
    return _write(call, family, row, entry, key=str(next_number(call.company, "PRRECORD")))


def change(call: FunctionCall, family: Family, number: int, entry: DocumentInput) -> Row:
    """Change a document; a change of its lines or amounts withdraws its postings and posts it again."""
    company = call.company
    old = company.table(family.object).get(number) or {}
    values = {name: text for name, text in entry.values.items() if name != "RECORDNO"}
    draft = old.get("STATE") in ("Draft", "Submitted", "Declined", "Partially Approved")
    posts = draft and not entry.draft
    moved = entry.lines is not None or any(
        name in values and values[name] and values[name] != old.get(name, "") for name in MOVES_MONEY
    )
    check_unpaid(family, old, moved=moved)
    if family.party and values.get(family.party_id, old.get(family.party_id)) != old.get(family.party_id):
        _check_never_settled(call, family, old, "given to another party")
    if not moved and not posts:
        return _renamed(call, family, old | values, number, values)
    row = old | values
    there = stored_lines(call, family, old)
    lines = there if entry.lines is None else _merged(there, entry.lines)
    entry = DocumentInput(row, lines, draft and entry.draft, entry.control or _control(call, family, old), entry.state)
    _check_header(call, family, row, entry)
    check_number(call, family, row, number)
    _withdraw(call, family, old)
    for name in ("EXCHANGE_RATE", "BASECURR", "WHENPOSTED"):
        if not values.get(name) and (any(one in values for one in _RATE_CHOICE) or name == "WHENPOSTED"):
            row.pop(name, None)
    return _write(call, family, row, entry, key=old["RECORDNO"])


def _merged(there: list[Row], sent: Sequence[Row]) -> list[Row]:
    """Lines of a request: one with the number of a stored line changes it, and the others are new."""
    by_key = {line["RECORDNO"]: line for line in there}
    return [by_key.get(line.get("RECORDNO", ""), {}) | line for line in sent]


def delete(call: FunctionCall, family: Family, number: int) -> None:
    """Delete an unpaid document with its postings."""
    row = call.company.table(family.object).get(number) or {}
    check_unpaid(family, row, moved=True)
    if row.get("STATE") in ("Reversed", "Reversal"):
        raise refused(f"{family.noun} {row['RECORDNO']} is part of a reversal and cannot be deleted.")
    _check_never_settled(call, family, row, "deleted")
    _withdraw(call, family, row)
    for one in line_numbers(call, family, row):
        call.company.table(family.line).delete(one)
    call.company.table(family.object).delete(number)
    refresh_summary(call, family.object, row)
    record_change(call, call.company.find(family.object), row, DELETED)


def reverse(call: FunctionCall, family: Family, number: int, *, day: str, memo: str) -> Row:
    """Reverse a document: enter its mirror on that day. Neither can be changed afterwards."""
    company = call.company
    old = company.table(family.object).get(number) or {}
    if old.get("STATE") in ("Draft", "Reversed", "Reversal", "Submitted", "Declined"):
        raise refused(f"{family.noun} {old['RECORDNO']} is {old['STATE'].lower()} and cannot be reversed.")
    check_unpaid(family, old, moved=True)
    check_reversal_day(company, old, "WHENPOSTED" if old.get("WHENPOSTED") else "WHENCREATED", day)
    mirror = _mirror(call, family, old, day=day, memo=memo)
    open_periods(company).check(day_of(mirror, "WHENCREATED"), {_owner(call, family, old)}, family.module)
    lines = every_line(call, family, old)
    company.table(family.object).insert(mirror)
    start_without_batches(call, family.object, mirror)
    keep_lines(call, family, mirror, [_negated(one) for one in lines])
    reverse_all(call, old, voucher_of(family, mirror))
    change_total_due(call, family, old, -amount(old, "TOTALDUE"))
    old |= {"STATE": "Reversed", "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    set_audit_fields(call, company.find(family.object), old, new=False)
    company.table(family.object).update(number, old)
    keep_reversal_day(call, family.object, old, day)
    _set_line_states(call, family, old)
    refresh_detail(call, family.object, old)
    refresh_summary(call, family.object, old)
    record_change(call, company.find(family.object), old, MODIFIED)
    record_change(call, company.find(family.object), mirror, CREATED)
    return mirror


def _set_line_states(call: FunctionCall, family: Family, row: Row) -> None:
    """Give the lines of a document its state; they are modified now."""
    table, described = call.company.table(family.line), call.company.find(family.line)
    for number in line_numbers(call, family, row):
        line = (table.get(number) or {}) | {"STATE": row["STATE"]}
        set_audit_fields(call, described, line, new=False)
        table.update(number, line)


def _mirror(call: FunctionCall, family: Family, old: Row, *, day: str, memo: str) -> Row:
    mirror = {name: text for name, text in old.items() if name not in (*_PAID, "WHENPAID", "WHENDUE")}
    mirror |= dict.fromkeys(_PAID, "0")
    mirror |= {"RECORDNO": str(next_number(call.company, "PRRECORD")), "STATE": "Reversal", "WHENCREATED": day}
    mirror |= {"WHENPOSTED": day, "TOTALDUE": "0", "TRX_TOTALDUE": "0"}
    if memo:
        mirror["DESCRIPTION"] = memo
    for name in ("TOTALENTERED", "TRX_TOTALENTERED"):
        mirror[name] = decimal_text(-amount(old, name))
    set_audit_fields(call, call.company.find(family.object), mirror, new=True)
    return mirror


def _negated(line: Row) -> Row:
    return line | {name: decimal_text(-amount(line, name)) for name in ("AMOUNT", "TRX_AMOUNT")} | {"RECORDNO": ""}


# --- refusals


def check_unpaid(family: Family, row: Row, *, moved: bool) -> None:
    """Refuse a change of amounts or lines of a document that is paid in full or in part."""
    if moved and (amount(row, "TRX_TOTALPAID") or amount(row, "TRX_TOTALSELECTED")):
        raise refused(
            f"{family.noun} {row.get('RECORDID') or row['RECORDNO']} is paid, in full or in part, and its lines, "
            "dates and currency cannot be changed.",
            errorno="BL03000130",
            correction="Reverse the payment first.",
        )
    if moved and row.get("STATE") in ("Reversed", "Reversal"):
        raise refused(f"{family.noun} {row['RECORDNO']} is part of a reversal and cannot be changed.")


def _check_never_settled(call: FunctionCall, family: Family, row: Row, what: str) -> None:
    """Refuse to take away a document that a payment settled, since the reversal of the payment stays in the ledger."""
    accepted = call.company.behaviour.delete_settled == "accepted"
    if not accepted and call.company.side_tables.once_settled.get(family.object, row.get("RECORDNO", "")):
        raise refused(
            f"{family.noun} {row.get('RECORDID') or row['RECORDNO']} was settled by a payment that is reversed, and "
            f"cannot be {what}.",
            correction=f"Reverse the {family.noun.lower()} instead.",
        )


def check_number(call: FunctionCall, family: Family, row: Row, number: int | None = None) -> None:
    """Refuse a number that another document of the party has, if the settings ask for unique numbers."""
    text = row.get("RECORDID", "")
    if not text or not call.company.behaviour.unique_document_numbers or family.party not in ("VENDOR", "CUSTOMER"):
        return
    table = call.company.table(family.object)
    for other, there in table.rows("instr(body, ?)", (escaped(text),)):
        same = all(there.get(name) == row.get(name) for name in ("RECORDID", family.party_id))
        if same and other != number and there.get("STATE") != "Reversal":
            raise refused(
                f"A transaction with that number already exists: {family.noun} {text} of "
                f"{row.get(family.party_id, '')}.",
                errorno="BL03002185",
                correction="Use another number.",
            )


def _check_header(call: FunctionCall, family: Family, row: Row, entry: DocumentInput) -> None:
    required = [family.party_id] if family.party else []
    if not entry.draft:
        required.append("WHENCREATED")
        if family.object in ("APBILL", "ARINVOICE") and not row.get("TERMNAME"):
            required.append("WHENDUE")
    missing = [name for name in required if not row.get(name)]
    if not entry.lines:
        missing.append(f"{family.line}S")
    if missing:
        faults = (f"Required field {name} is missing for {family.object}." for name in missing)
        raise FunctionRefusedError(*(Fault("BL01001973", description2=text) for text in faults))
    apply_references(call.company, call.company.find(family.object), dict(row), row)


# --- writing


def _write(call: FunctionCall, family: Family, row: Row, entry: DocumentInput, *, key: str) -> Row:
    company = call.company
    described, table = company.find(family.object), company.table(family.object)
    new = table.get(int(key)) is None
    if new:
        start_without_batches(call, family.object, {"RECORDNO": key})
    row.setdefault("WHENCREATED", date_text(call.stamp.date()))
    party = party_of(call, family, row)
    lines = [made for one in entry.lines or () for made in complete_lines(call, family, row, one, party=party)]
    owner = entity_of(call, row, lines)
    set_currency(call, family, row, owner)
    factor = Decimal(row["EXCHANGE_RATE"])
    row["STATE"] = _state(call, family, entry, row, lines)
    row |= {"RECORDNO": key, "RECORDTYPE": family.type, "MODULEKEY": row.get("MODULEKEY") or family.module}
    row |= {"RAWSTATE": "D" if entry.draft else "A", "SYSTEMGENERATED": "F"}
    rounding = posting_rules(company).rounding
    lines = [with_base_amounts(one, row, factor, rounding) for one in lines]
    document = document_of(call, family, row, lines, owner)
    posting = posting_of(call, family, document, control_named(call, family, row, lines, named=entry.control))
    set_totals(row, document, posting, factor)
    set_due_date(call, family, row)
    fill_party_cells(call, family, row)
    set_audit_fields(call, described, row, new=new)
    row |= dict(entry.more)
    control = next((one.account for one in posting.lines if one.role == "control"), "")
    keep_document(call, family, row, [one | {"OFFSETGLACCOUNTNO": control} for one in lines])
    if row["STATE"] in ("Posted", "Approved"):
        post(call, posting, voucher_of(family, row, rate=factor))
        change_total_due(call, family, row, amount(row, "TOTALDUE"))
    refresh_summary(call, family.object, row)
    record_change(call, described, row, CREATED if new else MODIFIED)
    if row["STATE"] == approval.SUBMITTED:
        approval.note_submission(call, family.object, row)
    return row


def _state(call: FunctionCall, family: Family, entry: DocumentInput, row: Row, lines: Sequence[Row]) -> str:
    """The state of a document that is entered: a bill that its policy, or the behaviour, holds back is submitted."""
    if entry.draft:
        return "Draft"
    if entry.state or family.object != "APBILL":
        return entry.state or "Posted"
    total = sum((amount(one, "TRX_AMOUNT") for one in lines), ZERO) * Decimal(row["EXCHANGE_RATE"])
    waits = approval.levels_of(call.company, family.object, {"TOTALENTERED": str(total)})
    return approval.SUBMITTED if waits or call.company.behaviour.approve_bills else "Posted"


def _owner(call: FunctionCall, family: Family, row: Row) -> str:
    return entity_of(call, row, every_line(call, family, row), kept=True)


def _withdraw(call: FunctionCall, family: Family, row: Row) -> None:
    if batches_of(call, family.object, row):
        withdraw_all(call, family.object, row)
        change_total_due(call, family, row, -amount(row, "TOTALDUE"))


def _control(call: FunctionCall, family: Family, row: Row) -> str:
    lines = stored_lines(call, family, row)
    return lines[0].get("OFFSETGLACCOUNTNO", "") if lines else ""


def _renamed(call: FunctionCall, family: Family, row: Row, number: int, values: Row) -> Row:
    described = call.company.find(family.object)
    apply_references(call.company, described, values, row)
    check_number(call, family, row, number)
    set_audit_fields(call, described, row, new=False)
    call.company.table(family.object).update(number, row)
    refresh_detail(call, family.object, row)
    record_change(call, described, row, MODIFIED)
    return row
