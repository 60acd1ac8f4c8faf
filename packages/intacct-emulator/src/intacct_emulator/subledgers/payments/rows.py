"""The rows of a payment: details, one for each settled line of a document, and the parts settled to the cent.

A detail row has the money paid for one line, and the credits and discounts applied to it. The settled parts are kept in
the facts of the company, so that a reversal opens exactly the same amounts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.company.company_facts import SettledPart
from intacct_emulator.ledger.amounts import ZERO, Rounding, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.records.audit_fields import set_audit_fields
from intacct_emulator.settings.cells import Row, decimal_text, iso_date
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.document_types import DOCUMENT_TYPES, PREPAYMENTS, DocumentType, next_number
from intacct_emulator.subledgers.payments.open_items import PaymentPart, reserve_part
from intacct_emulator.subledgers.payments.parts import PaymentType, SettledDetail, every_part

_VOID = "V"
"""The state of a reversed payment's details, as DEPOSIT has it; a posted one is C."""
_ANY = {**DOCUMENT_TYPES, **PREPAYMENTS}


def stored_details(call: FunctionCall, payment_type: PaymentType, row: Row) -> list[Row]:
    """The details of a payment in the form of a request."""
    requested = call.company.facts.requested_details.get(payment_type.object, row["RECORDNO"])
    if requested is not None:
        return requested
    table = call.company.table(payment_type.line)
    return [table.get(number) or {} for number in table.find("PAYMENTKEY", row["RECORDNO"])]


def keep_requested_details(call: FunctionCall, payment_type: PaymentType, row: Row, details: Sequence[Row]) -> None:
    """Keep the details of a waiting payment as they were requested."""
    call.company.facts.requested_details.put(payment_type.object, row["RECORDNO"], value=list(details))


def clear_details(call: FunctionCall, payment_type: PaymentType, row: Row) -> None:
    """Delete a payment's details."""
    table = call.company.table(payment_type.line)
    for number in table.find("PAYMENTKEY", row["RECORDNO"]):
        table.delete(number)
    call.company.facts.settled_parts.put(payment_type.object, row["RECORDNO"], value=())


def keep_details(
    call: FunctionCall, payment_type: PaymentType, row: Row, settled: Sequence[SettledDetail], *, day: str = ""
) -> None:
    """Add details to a payment, and keep the parts that they settle, on the day of the payment, or on `day`."""
    table, described = call.company.table(payment_type.line), call.company.find(payment_type.line)
    dated = row | {payment_type.day: day} if day else row
    for detail in settled:
        for cells in _cells(posting_rules(call.company).rounding, payment_type, dated, detail):
            set_audit_fields(call, described, cells, new=True)
            table.insert(cells, next_number(call.company, "PYMTDETAIL"))
    fact_table, key = call.company.facts.settled_parts, (payment_type.object, row["RECORDNO"])
    posted_day = (iso_date(day) or "")[:10]
    added = tuple(
        replace(_settled_part(document_type, part), day=posted_day) for document_type, part in every_part(settled)
    )
    fact_table.put(*key, value=(*(fact_table.get(*key) or ()), *added))


def mark_details_reversed(call: FunctionCall, payment_type: PaymentType, row: Row) -> None:
    """Mark the details of a reversed payment, which are modified now."""
    table, described = call.company.table(payment_type.line), call.company.find(payment_type.line)
    for number in table.find("PAYMENTKEY", row["RECORDNO"]):
        detail = (table.get(number) or {}) | {"STATE": _VOID}
        set_audit_fields(call, described, detail, new=False)
        table.update(number, detail)


def reserve(call: FunctionCall, payment_type: PaymentType, row: Row, *, undo: bool = False) -> None:
    """Reserve the amounts that a waiting payment will settle; `undo` frees them."""
    reserved, key = call.company.facts.reserved, (payment_type.object, row["RECORDNO"])
    if bool(reserved.get(*key)) is not undo:
        return
    if undo:
        reserved.delete(*key)
    else:
        reserved.put(*key, value=True)
    for document_type, part in stored_parts(call, payment_type, row):
        reserve_part(call, document_type, part, undo=undo)


def _settled_part(document_type: DocumentType, part: PaymentPart) -> SettledPart:
    lines = tuple(part.lines)
    return SettledPart(
        document_type.object, part.key, part.trx_amount, part.amount, lines, entity=part.entity, control=part.control
    )


def _cells(rounding: Rounding, payment_type: PaymentType, row: Row, detail: SettledDetail) -> Iterator[Row]:
    """One row for each line: credits and discounts first, money for the rest."""
    part, left = detail.part, detail.part.amount
    credits = list(_credits(detail))
    lines, base_currency = _lines(detail), row.get("BASECURR", "")
    document, entry = (
        ("RECORDKEY", "ENTRYKEY")
        if detail.document_type is payment_type.document_types[0]
        else ("POSADJKEY", "POSADJENTRYKEY")
    )
    for place, (line, trx_amount) in enumerate(lines, 1):
        whole = left if place == len(lines) else _share(rounding, part, trx_amount, base_currency)
        left -= whole
        cells = {document: part.key, entry: line, "PAYMENTKEY": row["RECORDNO"], "PAYMENTDATE": row[payment_type.day]}
        cells |= {"CURRENCY": row["CURRENCY"], "MODULEKEY": payment_type.module, "STATE": "C"}
        money, base = trx_amount, whole
        for index, (names, total) in enumerate(credits):
            used = min(total, max(money, ZERO))
            if used:
                credits[index] = (names, total - used)
                value = rounding.round(whole * used / trx_amount, base_currency)
                money, base = money - used, base - value
                credited = _credited(names, used, value)
                if names["TRX"] in cells:  # a second credit of the same kind has a row of its own
                    yield {**_shared(cells), **credited, "PAYMENTAMOUNT": "0", "TRX_PAYMENTAMOUNT": "0"}
                else:
                    cells |= credited
        cells |= {"PAYMENTAMOUNT": decimal_text(base), "TRX_PAYMENTAMOUNT": decimal_text(money)}
        yield cells


def _shared(cells: Row) -> Row:
    """The cells of a detail that do not depend on how its line is settled."""
    names = ("RECORDKEY", "POSADJKEY", "ENTRYKEY", "POSADJENTRYKEY", "PAYMENTKEY", "PAYMENTDATE", "CURRENCY")
    return {name: cells[name] for name in (*names, "MODULEKEY", "STATE") if name in cells}


def _lines(detail: SettledDetail) -> list[tuple[str, Decimal]]:
    """The document's lines, without a credit line of its own: it shows on the line that it settles."""
    if detail.inline is None:
        return list(detail.part.lines)
    return [(line, money) for line, money in detail.part.lines if line != detail.inline[1]]


def _share(rounding: Rounding, part: PaymentPart, trx_amount: Decimal, base: str) -> Decimal:
    return rounding.round(part.amount * trx_amount / part.trx_amount, base) if part.trx_amount else ZERO


def _credits(detail: SettledDetail) -> Iterator[tuple[Row, Decimal]]:
    """The credits and discount of a detail: their cells, with amount fields under `TRX` and `BASE`, and the amount."""
    for credit in detail.credits:
        source = credit.source
        names = {source.key: credit.part.key, "TRX": f"TRX_{source.money}", "BASE": source.base or source.money}
        if credit.part.lines:
            names[source.entry] = credit.part.lines[0][0]
        if source.name == "ADVANCE":
            names["POSTEDADVANCEKEY"] = credit.part.key
        yield names, credit.trx_amount
    if detail.inline is not None:
        source, line, money = detail.inline
        names = {source.key: detail.part.key, source.entry: line, "TRX": f"TRX_{source.money}", "BASE": source.money}
        yield names, money
    if detail.discount:
        yield {"TRX": "TRX_DISCOUNTAMOUNT", "BASE": "DISCOUNTAMOUNT"}, detail.discount


def _credited(names: Row, used: Decimal, value: Decimal) -> Row:
    cells = {name: text for name, text in names.items() if name not in ("TRX", "BASE")}
    return cells | {names["TRX"]: decimal_text(used), names["BASE"]: decimal_text(value)}


def stored_parts(call: FunctionCall, payment_type: PaymentType, row: Row) -> list[tuple[DocumentType, PaymentPart]]:
    """The parts of documents that a payment settled."""
    stored = call.company.facts.settled_parts.get(payment_type.object, row["RECORDNO"])
    if stored is not None:
        return [_part(one) for one in stored]
    parts = []
    for detail in stored_details(call, payment_type, row):
        key = detail.get("RECORDKEY") or detail.get("POSADJKEY", "")
        document_type = _holder(call, payment_type, key)
        entry = detail.get("ENTRYKEY") or detail.get("POSADJENTRYKEY", "")
        credit, base = amount(detail, "TRX_ADJUSTMENTAMOUNT"), amount(detail, "ADJUSTMENTAMOUNT")
        trx_amount = amount(detail, "TRX_PAYMENTAMOUNT") + credit
        whole = amount(detail, "PAYMENTAMOUNT") + base
        parts.append((document_type, PaymentPart(key, trx_amount, whole, "", ((entry, trx_amount),), "")))
        if credit:
            line, document_type = detail.get("ADJUSTMENTENTRYKEY", ""), payment_type.sources[0].document_types[0]
            parts.append(
                (document_type, PaymentPart(detail["ADJUSTMENTKEY"], -credit, -base, "", ((line, -credit),), ""))
            )
    return parts


@dataclass(frozen=True, slots=True)
class SettledOnDay:
    """The part of a document that a payment settled on a day."""

    day: date
    object: str
    key: str
    amount: Decimal
    """In base currency."""
    trx_amount: Decimal
    currency: str
    base: str
    entity: str = ""
    """As in `SettledPart`."""
    control: str = ""


def settled_days(call: FunctionCall, payment_type: PaymentType, row: Row) -> Iterator[SettledOnDay]:
    """What a payment settled, document by document."""
    payment_day, stored = (
        day_of(row, payment_type.day),
        call.company.facts.settled_parts.get(payment_type.object, row["RECORDNO"]),
    )
    currency, base = row.get("CURRENCY", ""), row.get("BASECURR", "")
    if stored is None:
        for document_type, part in stored_parts(call, payment_type, row):
            yield SettledOnDay(
                payment_day, document_type.object, part.key, part.amount, part.trx_amount, currency, base
            )
        return
    for part_settled in stored:
        day = date.fromisoformat(part_settled.day) if part_settled.day else payment_day
        yield SettledOnDay(
            day,
            part_settled.object,
            part_settled.key,
            part_settled.amount,
            part_settled.trx_amount,
            currency,
            base,
            part_settled.entity,
            part_settled.control,
        )


def _holder(call: FunctionCall, payment_type: PaymentType, key: str) -> DocumentType:
    for document_type in payment_type.document_types:
        if key.isdecimal() and call.company.table(document_type.object).get(int(key)) is not None:
            return document_type
    raise refused(f"Document {key}, which the payment settled, does not exist.")


def _part(stored: SettledPart) -> tuple[DocumentType, PaymentPart]:
    return _ANY[stored.object], PaymentPart(stored.key, stored.trx_amount, stored.amount, "", stored.lines, "")
