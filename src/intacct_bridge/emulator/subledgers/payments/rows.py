"""How a payment's parts are kept: detail rows, one for each line of each document, and what was taken to the cent.

In the rows a detail stands for one line of one document, with what settled it beside the money. What was taken off
each document is remembered apart, so that undoing a payment gives back what it took.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from intacct_bridge.emulator.accounting.amounts import ZERO, amount, to_cents
from intacct_bridge.emulator.company.company_data import FunctionCall
from intacct_bridge.emulator.company.side_tables import SettledPart
from intacct_bridge.emulator.records.audit_fields import stamp
from intacct_bridge.emulator.settings.cells import Row, decimal_text
from intacct_bridge.emulator.settings.refusals import refused
from intacct_bridge.emulator.subledgers.families import FAMILIES, PREPAYMENTS, Family, next_number
from intacct_bridge.emulator.subledgers.payments.open_items import PaymentPart, reserve_part
from intacct_bridge.emulator.subledgers.payments.parts import PaymentSide, SettledDetail, every_part

_ANY = {**FAMILIES, **PREPAYMENTS}


def stored_details(call: FunctionCall, side: PaymentSide, row: Row) -> list[Row]:
    """The details of a payment, as they would be sent again."""
    requested = call.company.side_tables.requested_details.get(side.object, row["RECORDNO"])
    if requested is not None:
        return requested
    table = call.company.table(side.line)
    return [table.get(number) or {} for number in table.find("PAYMENTKEY", row["RECORDNO"])]


def keep_requested_details(call: FunctionCall, side: PaymentSide, row: Row, details: Sequence[Row]) -> None:
    """Remember what a payment that waits was asked to settle."""
    call.company.side_tables.requested_details.put(side.object, row["RECORDNO"], value=list(details))


def clear_details(call: FunctionCall, side: PaymentSide, row: Row) -> None:
    """Drop a payment's details."""
    table = call.company.table(side.line)
    for number in table.find("PAYMENTKEY", row["RECORDNO"]):
        table.delete(number)
    call.company.side_tables.settled_parts.put(side.object, row["RECORDNO"], value=())


def keep_details(call: FunctionCall, side: PaymentSide, row: Row, settled: Sequence[SettledDetail]) -> None:
    """Add details to a payment, and remember what they take."""
    table, described = call.company.table(side.line), call.company.find(side.line)
    for one in settled:
        for cells in _cells(side, row, one):
            stamp(call, described, cells, new=True)
            table.insert(cells, next_number(call.company, "PYMTDETAIL"))
    side_table, key = call.company.side_tables.settled_parts, (side.object, row["RECORDNO"])
    added = tuple(_kept(family, part) for family, part in every_part(settled))
    side_table.put(*key, value=(*(side_table.get(*key) or ()), *added))


def reserve(call: FunctionCall, side: PaymentSide, row: Row, *, back: bool = False) -> None:
    """Set aside what a payment that waits will take, or free it again."""
    reserved, key = call.company.side_tables.reserved, (side.object, row["RECORDNO"])
    if bool(reserved.get(*key)) is not back:
        return
    if back:
        reserved.delete(*key)
    else:
        reserved.put(*key, value=True)
    for family, part in stored_parts(call, side, row):
        reserve_part(call, family, part, back=back)


def _kept(family: Family, part: PaymentPart) -> SettledPart:
    return SettledPart(family.object, part.key, part.trx_amount, part.amount, tuple(part.lines))


def _cells(side: PaymentSide, row: Row, one: SettledDetail) -> Iterator[Row]:
    """One row a line: what settles it beside money first, money for the rest."""
    part, left = one.part, one.part.amount
    lent = list(_lent(one))
    lines = _lines(one)
    document, entry = ("RECORDKEY", "ENTRYKEY") if one.family is side.families[0] else ("POSADJKEY", "POSADJENTRYKEY")
    for place, (line, trx_amount) in enumerate(lines, 1):
        whole = left if place == len(lines) else _share(part, trx_amount)
        left -= whole
        cells = {document: part.key, entry: line, "PAYMENTKEY": row["RECORDNO"], "PAYMENTDATE": row[side.day]}
        cells |= {"CURRENCY": row["CURRENCY"], "MODULEKEY": side.module, "STATE": "C"}
        money, base = trx_amount, whole
        for index, (names, total) in enumerate(lent):
            used = min(total, max(money, ZERO))
            if used:
                lent[index] = (names, total - used)
                value = to_cents(whole * used / trx_amount)
                money, base = money - used, base - value
                cells |= _credited(names, used, value)
        cells |= {"PAYMENTAMOUNT": decimal_text(base), "TRX_PAYMENTAMOUNT": decimal_text(money)}
        yield cells


def _lines(one: SettledDetail) -> list[tuple[str, Decimal]]:
    """The document's lines; a credit line of its own that was named shows on the line it was used for."""
    if one.inline is None:
        return list(one.part.lines)
    return [(line, money) for line, money in one.part.lines if line != one.inline[1]]


def _share(part: PaymentPart, trx_amount: Decimal) -> Decimal:
    return to_cents(part.amount * trx_amount / part.trx_amount) if part.trx_amount else ZERO


def _lent(one: SettledDetail) -> Iterator[tuple[Row, Decimal]]:
    """What settles a document beside money: the cells that tell it, `TRX` and `BASE` for its amounts, and how much."""
    for credit in one.credits:
        source = credit.source
        names = {source.key: credit.part.key, "TRX": f"TRX_{source.money}", "BASE": source.base or source.money}
        if credit.part.lines:
            names[source.entry] = credit.part.lines[0][0]
        if source.name == "ADVANCE":
            names["POSTEDADVANCEKEY"] = credit.part.key
        yield names, credit.trx_amount
    if one.inline is not None:
        source, line, money = one.inline
        names = {source.key: one.part.key, source.entry: line, "TRX": f"TRX_{source.money}", "BASE": source.money}
        yield names, money
    if one.discount:
        yield {"TRX": "TRX_DISCOUNTAMOUNT", "BASE": "DISCOUNTAMOUNT"}, one.discount


def _credited(names: Row, used: Decimal, value: Decimal) -> Row:
    cells = {name: text for name, text in names.items() if name not in ("TRX", "BASE")}
    return cells | {names["TRX"]: decimal_text(used), names["BASE"]: decimal_text(value)}


def stored_parts(call: FunctionCall, side: PaymentSide, row: Row) -> list[tuple[Family, PaymentPart]]:
    """What a payment took off its documents."""
    known = call.company.side_tables.settled_parts.get(side.object, row["RECORDNO"])
    if known is not None:
        return [_part(one) for one in known]
    found = []
    for detail in stored_details(call, side, row):
        key = detail.get("RECORDKEY") or detail.get("POSADJKEY", "")
        family = _holder(call, side, key)
        entry = detail.get("ENTRYKEY") or detail.get("POSADJENTRYKEY", "")
        credit, base = amount(detail, "TRX_ADJUSTMENTAMOUNT"), amount(detail, "ADJUSTMENTAMOUNT")
        trx_amount = amount(detail, "TRX_PAYMENTAMOUNT") + credit
        whole = amount(detail, "PAYMENTAMOUNT") + base
        found.append((family, PaymentPart(key, trx_amount, whole, "", ((entry, trx_amount),), "")))
        if credit:
            line, family = detail.get("ADJUSTMENTENTRYKEY", ""), side.sources[0].families[0]
            found.append((family, PaymentPart(detail["ADJUSTMENTKEY"], -credit, -base, "", ((line, -credit),), "")))
    return found


def _holder(call: FunctionCall, side: PaymentSide, key: str) -> Family:
    for family in side.families:
        if key.isdecimal() and call.company.table(family.object).get(int(key)) is not None:
            return family
    raise refused(f"Document {key}, which the payment settled, is gone.")


def _part(kept: SettledPart) -> tuple[Family, PaymentPart]:
    return _ANY[kept.object], PaymentPart(kept.key, kept.trx_amount, kept.amount, "", kept.lines, "")
