"""Advances of customers: money received before any invoice, held on accounts of its own until receipts apply it.

An advance debits the bank or undeposited funds and credits the accounts of its lines in every book. It cannot be
changed once a part of it is applied.
"""

from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import user_defined
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.ledger.posting import Document, invoice
from intacct_emulator.ledger.rates import exchange_rate
from intacct_emulator.records.audit_fields import CREATED, DELETED, MODIFIED, record_change, set_audit_fields
from intacct_emulator.records.drafts import Draft, read_draft
from intacct_emulator.records.references import apply_references
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import FunctionRefusedError, refused
from intacct_emulator.subledgers.cash.banking import bank_account
from intacct_emulator.subledgers.document_types import ADVANCES, DOCUMENT_TYPES, next_number
from intacct_emulator.subledgers.documents.charges import charge_of, complete_line, with_base_amounts
from intacct_emulator.subledgers.payments.open_items import advance_lines, keep_advance_lines
from intacct_emulator.subledgers.vouchers import Voucher, post, start_without_batches, withdraw_all
from intacct_protocol.errors import Fault
from intacct_protocol.model.catalog import ObjectDef

NAME = ADVANCES.object
LINE = "ARADVANCEITEM"
_LINE = DOCUMENT_TYPES["ARINVOICE"]
"""The rules for a line of an advance are those for a line of an invoice."""
_REQUIRED = ("CUSTOMERID", "PAYMENTMETHOD", "RECEIPTDATE")


def create(call: FunctionCall, draft: Draft) -> Row:
    """Enter an advance."""
    row = {name: text for name, text in draft.values.items() if text and name != "RECORDNO"}
    row["RECORDNO"] = str(next_number(call.company, "PRRECORD"))
    start_without_batches(call, NAME, row)
    return _write_advance(call, draft, row, new=True)


def update(call: FunctionCall, draft: Draft, number: int) -> Row:
    """Change an advance that is not applied."""
    old = call.company.table(NAME).get(number) or {}
    _check_open(old)
    withdraw_all(call, NAME, old)
    row = old | {name: text for name, text in draft.values.items() if name != "RECORDNO"}
    chosen = {"CURRENCY", "EXCH_RATE_TYPE_ID", "EXCH_RATE_DATE"} & draft.values.keys()
    if chosen and "EXCHANGE_RATE" not in draft.values:
        row.pop("EXCHANGE_RATE", None)
    return _write_advance(call, draft, row, new=False)


def delete(call: FunctionCall, described: ObjectDef, number: int) -> None:
    """Delete an advance that is not applied."""
    row = call.company.table(NAME).get(number) or {}
    _check_open(row)
    withdraw_all(call, NAME, row)
    _keep_rows(call, row, [])
    keep_advance_lines(call, row, [])
    call.company.table(NAME).delete(number)
    record_change(call, described, row, DELETED)


def _check_open(row: Row) -> None:
    if amount(row, "TRX_TOTALPAID") or amount(row, "TRX_TOTALSELECTED"):
        raise refused(
            f"Advance {row['RECORDNO']} is applied, in full or in part, and cannot be changed.",
            errorno="BL03000130",
            correction="Reverse the receipt that applied it first.",
        )


def _write_advance(call: FunctionCall, draft: Draft, row: Row, *, new: bool) -> Row:
    company, described = call.company, draft.described
    _check_advance(row)
    apply_references(company, described, {name: text for name, text in row.items() if text}, row)
    account, place = _advance_account(call, row)
    lines = _advance_lines(call, draft, row)
    entity = posting_rules(company).entity_of.get(place or call.session.entity or lines[0].get("LOCATIONID", ""), "")
    _convert(call, row, entity)
    factor, rounding = Decimal(row["EXCHANGE_RATE"]), posting_rules(company).rounding
    drafts = draft.extra.get("ACTION", "").lower() == "draft"
    row |= {"RECORDTYPE": ADVANCES.type, "STATE": "Draft" if drafts else "Posted", "RAWSTATE": "A", "CLEARED": "F"}
    lines = [with_base_amounts(one, row, factor, rounding) for one in lines]
    total = sum((Decimal(one["TRX_AMOUNT"]) for one in lines), ZERO)
    for start, value in (("", rounding.to_base(total, factor, row["BASECURR"])), ("TRX_", total)):
        row[f"{start}TOTALENTERED"] = row[f"{start}TOTALDUE"] = decimal_text(value)
        row[f"{start}TOTALPAID"] = row[f"{start}TOTALSELECTED"] = "0"
    set_audit_fields(call, described, row, new=new)
    table = company.table(NAME)
    if new:
        table.insert(row)
    else:
        table.update(int(row["RECORDNO"]), row)
    lines = _keep_rows(call, row, lines)
    keep_advance_lines(call, row, lines)
    if not drafts:
        party = {"CUSTOMER": row["CUSTOMERID"]}
        user_fields = user_defined(company.catalog)
        charges = tuple(charge_of(_LINE, one, user_fields=user_fields) for one in lines)
        document = Document(entity, row["CURRENCY"], charges, factor, party, row.get("DESCRIPTION") or None)
        post(call, invoice(document, posting_rules(company), control=account), _voucher(row, factor))
    record_change(call, described, row, CREATED if new else MODIFIED)
    return row


def _keep_rows(call: FunctionCall, row: Row, lines: list[Row]) -> list[Row]:
    """Replace the rows below an advance; gives them with their numbers."""
    table, described = call.company.table(LINE), call.company.find(LINE)
    for number in table.find("RECORDKEY", row["RECORDNO"]):
        table.delete(number)
    rows = []
    for place, line in enumerate(lines, 1):
        key = str(next_number(call.company, "PRENTRY"))
        cells = line | {"RECORDNO": key, "RECORDKEY": row["RECORDNO"], "LINE_NO": str(place)}
        rows.append(dict(cells))
        set_audit_fields(call, described, cells, new=True)
        table.insert(cells, int(key))
    return rows


def _check_advance(row: Row) -> None:
    missing = [name for name in _REQUIRED if not row.get(name)]
    if missing:
        faults = (f"Required field {name} is missing for {NAME}." for name in missing)
        raise FunctionRefusedError(*(Fault("BL01001973", description2=text) for text in faults))


def _advance_account(call: FunctionCall, row: Row) -> tuple[str, str]:
    if row.get("FINANCIALENTITY"):
        return bank_account(call, row["FINANCIALENTITY"])
    account = row.get("UNDEPOSITEDACCOUNTNO") or posting_rules(call.company).undeposited_funds
    if not account:
        raise refused(f"Required field FINANCIALENTITY is missing for {NAME}.", field="FINANCIALENTITY")
    row["UNDEPOSITEDACCOUNTNO"] = account
    return account, ""


def _advance_lines(call: FunctionCall, draft: Draft, row: Row) -> list[Row]:
    nodes = [one for wrapper in draft.nodes.get("ARADVANCEITEMS", []) for one in wrapper.children]
    described = call.company.find(_LINE.line)
    sent = [one.values for one in draft.lines.get("ARADVANCEITEM", ())]
    sent = sent or [read_draft(call, described, node).values for node in nodes] or advance_lines(call, row)
    if not sent:
        raise refused(f"Required field ARADVANCEITEMS is missing for {NAME}.", correction="Provide a line.")
    usual = {"ARACCOUNT": call.company.facts.posting_accounts.get("advances") or ""}
    lines = [complete_line(call, _LINE, row, {**one, "CURRENCY": row.get("CURRENCY", "")}, party=usual) for one in sent]
    for line in lines:
        if Decimal(line["TRX_AMOUNT"]) <= 0:
            raise refused("The amount of an advance must be above zero.", field="TRX_AMOUNT")
    return lines


def _convert(call: FunctionCall, row: Row, entity: str) -> None:
    base = posting_rules(call.company).base_currency[entity]
    row["BASECURR"], row["CURRENCY"] = base, row.get("CURRENCY") or base
    row["WHENCREATED"] = row["RECEIPTDATE"]
    day = day_of(row, "RECEIPTDATE")
    factor = exchange_rate(call.company, row, row["CURRENCY"], base, day=day)
    row["EXCHANGE_RATE"] = decimal_text(factor)


def _voucher(row: Row, factor: Decimal) -> Voucher:
    title = f"Advance {row.get('RECORDID') or row['RECORDNO']}, {row.get('CUSTOMERNAME', '')}".rstrip(", ")
    day = day_of(row, "RECEIPTDATE")
    return Voucher(NAME, row, "CRJ", ADVANCES.module, title, day, factor, in_every_book=True)
