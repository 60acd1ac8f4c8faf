"""The open amounts of the documents that a payment names, and their change when it is posted or reversed.

A payment names a document, perhaps one of its lines, and an amount. Without a line the amount goes to the lines in
their order, credit lines first. The amount in base currency is the share of the amount due, so that the last payment
takes the last cent. Parts that the payment has taken count while the rest of it is planned. Amounts that another
waiting payment has reserved cannot be taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.posting import relieved
from intacct_emulator.records.audit_fields import MODIFIED, record_change, set_audit_fields
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.document_types import (
    ADVANCES,
    OVERPAYMENTS,
    DocumentType,
    change_total_due,
    control_account,
    state_of,
)
from intacct_emulator.subledgers.documents.document_posting import entity_of
from intacct_emulator.subledgers.documents.rows import every_line
from intacct_emulator.subledgers.vouchers import accrual_posting, refresh_detail

_PAYABLE = ("Posted", "Approved", "Partially Paid", "Paid", "Selected", "Complete", "Partially applied")
Spread = tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class PaymentPart:
    """The part of one payment that settles one document: positive for an amount due, negative for a credit."""

    key: str
    trx_amount: Decimal
    amount: Decimal
    entity: str
    lines: Spread
    """Record numbers of lines, each with its share in the transaction's currency."""
    control: str


class OpenItems:
    """The documents that one payment names, with the parts that it has taken so far."""

    def __init__(self, call: FunctionCall) -> None:
        self._call = call
        self._rows: dict[str, tuple[DocumentType, Row]] = {}
        self._lines: dict[str, list[Row]] = {}
        self._due: dict[str, Decimal] = {}

    def find(self, document_types: Sequence[DocumentType], key: str, *, field: str) -> tuple[DocumentType, Row]:
        """The document with that record number of one of these types; an unknown number is refused."""
        for document_type in document_types:
            document_row = self._rows.get(f"{document_type.object}:{key}")
            if document_row is not None:
                return document_row
            row = self._call.company.table(document_type.object).get(int(key)) if key.isdecimal() else None
            if row is not None:
                self._rows[f"{document_type.object}:{key}"] = (document_type, row)
                self._due[f"{document_type.object}:{key}"] = amount(row, "TRX_TOTALDUE")
                return document_type, row
        words = " or ".join(document_type.noun.lower() for document_type in document_types) or "document"
        raise refused(f"Invalid {words} '{key}' specified.", correction="Name one that is open.", field=field)

    def take(
        self, document_type: DocumentType, row: Row, trx_amount: Decimal, *, entry: str = "", credited: Spread = ()
    ) -> PaymentPart:
        """Take a part of the payment for this document; `credited` are parts for other lines of it."""
        check_payable(self._call, document_type, row)
        due = unreserved(row)
        if not entry and (abs(trx_amount) > abs(due) or trx_amount * due < 0):
            raise _too_much(document_type, row, trx_amount, due)
        lines = self._of(document_type, row)
        spread = dict(_spread(lines, trx_amount, entry)) if document_type is not OVERPAYMENTS else {}
        for line, money in credited:
            spread[line] = spread.get(line, ZERO) + dict(_spread(lines, money, line))[line]
        total = trx_amount + sum((money for _, money in credited), ZERO)
        base = _base(self._call, row, total)
        entity, control = _control_of(self._call, document_type, row, lines)
        part = PaymentPart(row["RECORDNO"], total, base, entity, tuple(spread.items()), control)
        self._took(row, lines, part)
        return part

    def check(self) -> None:
        """Refuse parts that together exceed the open amount of a document."""
        for key, (document_type, row) in self._rows.items():
            before, after = self._due[key], amount(row, "TRX_TOTALDUE")
            if before * after < 0:
                raise _too_much(document_type, row, before - after, before)

    def _of(self, document_type: DocumentType, row: Row) -> list[Row]:
        key = f"{document_type.object}:{row['RECORDNO']}"
        if key not in self._lines:
            self._lines[key] = _lines_of(self._call, document_type, row)
        return self._lines[key]

    def _took(self, row: Row, lines: list[Row], part: PaymentPart) -> None:
        row["TRX_TOTALDUE"] = decimal_text(amount(row, "TRX_TOTALDUE") - part.trx_amount)
        row["TOTALDUE"] = decimal_text(amount(row, "TOTALDUE") - part.amount)
        shares = dict(part.lines)
        for line in lines:
            line["TRX_TOTALPAID"] = decimal_text(amount(line, "TRX_TOTALPAID") + shares.get(line["RECORDNO"], ZERO))


def _lines_of(call: FunctionCall, document_type: DocumentType, row: Row) -> list[Row]:
    return (
        advance_lines(call, row)
        if document_type is ADVANCES
        else every_line(call, document_type, row)
        if document_type.line
        else []
    )


def unreserved(row: Row) -> Decimal:
    """The amount due of a document that no waiting payment has reserved."""
    return amount(row, "TRX_TOTALDUE") - amount(row, "TRX_TOTALSELECTED")


def check_payable(call: FunctionCall, document_type: DocumentType, row: Row) -> None:
    """Refuse to pay a document that is not posted, or is on hold."""
    number = row.get("RECORDID") or row["RECORDNO"]
    if row.get("STATE") not in _PAYABLE:
        raise refused(f"{document_type.noun} {number} is {row.get('STATE', '').lower()} and cannot be paid.")
    if not document_type.payable:
        return
    if row.get("ONHOLD") == "true":
        raise refused(
            f"{document_type.noun} {number} is on hold and cannot be paid.", correction="Remove the hold first."
        )
    table = call.company.table("VENDOR")
    for vendor in table.find("VENDORID", row.get("VENDORID", "")):
        if (table.get(vendor) or {}).get("ONHOLD") == "true":
            raise refused(f"Vendor '{row['VENDORID']}' is on hold and cannot be paid.", correction="Remove the hold.")


def _too_much(document_type: DocumentType, row: Row, paid: Decimal, due: Decimal) -> Exception:
    number = row.get("RECORDID") or row["RECORDNO"]
    return refused(
        f"The payment amount {paid} exceeds the amount due {due} of {document_type.noun.lower()} {number}.",
        errorno="BL03000130",
        correction="Pay no more than is due.",
    )


def _base(call: FunctionCall, row: Row, trx_amount: Decimal) -> Decimal:
    due, base, rounding = amount(row, "TRX_TOTALDUE"), row.get("BASECURR", ""), posting_rules(call.company).rounding
    if not due:
        return rounding.to_base(trx_amount, Decimal(row.get("EXCHANGE_RATE") or 1), base)
    return relieved(trx_amount, trx_due=due, due=amount(row, "TOTALDUE"), base=base, rounding=rounding)


def control_of(call: FunctionCall, document_type: DocumentType, row: Row) -> tuple[str, str]:
    """The entity on whose control account a document is posted, and that account."""
    entity, control = _control_of(call, document_type, row, _lines_of(call, document_type, row))
    return entity, control_account(document_type, posting_rules(call.company), control)


def _control_of(call: FunctionCall, document_type: DocumentType, row: Row, lines: list[Row]) -> tuple[str, str]:
    """The entity, and the account; without an account of its own, the document has the company's."""
    control, entities = lines[0].get("OFFSETGLACCOUNTNO", "") if lines else "", posting_rules(call.company).entity_of
    if not document_type.line:
        return "", control
    for line in accrual_posting(call, document_type.object, row).lines:
        if line.account == control:
            return entities.get(line.location, ""), control
    return entity_of(call, row, lines, stored=True), control


def _spread(lines: list[Row], trx_amount: Decimal, entry: str) -> Spread:
    """The amount by line: lines of the opposite sign first, then the others in their order."""
    sign = 1 if trx_amount >= 0 else -1
    chosen = [line for line in lines if not entry or line["RECORDNO"] == entry]
    if entry and not chosen:
        raise refused(f"Line {entry} is not a line of the document.", correction="Provide the line's record number.")
    left, shares = trx_amount, {}
    opened = {line["RECORDNO"]: amount(line, "TRX_AMOUNT") - amount(line, "TRX_TOTALPAID") for line in chosen}
    for key, still in opened.items():
        if still * sign < 0:
            shares[key] = still
            left -= still
    for key, still in opened.items():
        if still * sign > 0 and left:
            shares[key] = still if abs(still) <= abs(left) else left
            left -= shares[key]
    if left:
        raise refused(f"The payment exceeds what is open on line {entry}.", errorno="BL03000130")
    return tuple(shares.items())


def settle_part(
    call: FunctionCall, document_type: DocumentType, part: PaymentPart, *, day: str, undo: bool = False
) -> None:
    """Settle a part of its document; `undo` opens it again."""
    company, sign = call.company, Decimal(-1 if undo else 1)
    table, described = company.table(document_type.object), company.find(document_type.object)
    number = int(part.key)
    row = table.get(number) or {}
    for name, change in (("", part.amount * sign), ("TRX_", part.trx_amount * sign)):
        row[f"{name}TOTALPAID"] = decimal_text(amount(row, f"{name}TOTALPAID") + change)
        row[f"{name}TOTALDUE"] = decimal_text(amount(row, f"{name}TOTALDUE") - change)
    row["STATE"] = state_of(row, document_type)
    if row["STATE"] == "Paid":
        row["WHENPAID"] = day
    elif document_type.line:
        row.pop("WHENPAID", None)
    set_audit_fields(call, described, row, new=False)
    table.update(number, row)
    _change_lines(call, document_type, part, row, sign=sign, name="TOTALPAID")
    change_total_due(call, document_type, row, -part.amount * sign * document_type.balance_sign)
    refresh_detail(call, document_type.object, row)
    record_change(call, described, row, MODIFIED)


def reserve_part(call: FunctionCall, document_type: DocumentType, part: PaymentPart, *, undo: bool = False) -> None:
    """Reserve a part of a document for a waiting payment; `undo` frees it."""
    company, sign = call.company, Decimal(-1 if undo else 1)
    table, described = company.table(document_type.object), company.find(document_type.object)
    row = table.get(int(part.key)) or {}
    for name, change in (("", part.amount * sign), ("TRX_", part.trx_amount * sign)):
        row[f"{name}TOTALSELECTED"] = decimal_text(amount(row, f"{name}TOTALSELECTED") + change)
    row["STATE"] = state_of(row, document_type)
    set_audit_fields(call, described, row, new=False)
    table.update(int(part.key), row)
    _change_lines(call, document_type, part, row, sign=sign, name="TOTALSELECTED")
    refresh_detail(call, document_type.object, row)
    record_change(call, described, row, MODIFIED)


def _change_lines(
    call: FunctionCall, document_type: DocumentType, part: PaymentPart, row: Row, *, sign: Decimal, name: str
) -> None:
    shares, factor = dict(part.lines), Decimal(row.get("EXCHANGE_RATE") or 1)
    lines, rounding = _lines_of(call, document_type, row), posting_rules(call.company).rounding
    for line in lines:
        change = shares.get(line["RECORDNO"], ZERO) * sign
        if change:
            now = amount(line, f"TRX_{name}") + change
            line[f"TRX_{name}"] = decimal_text(now)
            line[name] = decimal_text(rounding.to_base(now, factor, row.get("BASECURR", "")))
    if document_type is ADVANCES:
        keep_advance_lines(call, row, lines)
        return
    for line in lines:
        line["STATE"] = row["STATE"]
        set_audit_fields(call, call.company.find(document_type.line), line, new=False)
        call.company.table(document_type.line).update(int(line["RECORDNO"]), line)


def advance_lines(call: FunctionCall, row: Row) -> list[Row]:
    """The lines of an advance, in their order."""
    return call.company.facts.advance_lines.get(row["RECORDNO"]) or []


def keep_advance_lines(call: FunctionCall, row: Row, lines: Sequence[Row]) -> None:
    """Keep the lines of an advance."""
    call.company.facts.advance_lines.put(row["RECORDNO"], value=list(lines))
