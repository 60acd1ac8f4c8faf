"""The subtotals of an order transaction: amounts added to its lines, and their accounts.

A subtotal is an amount, or a percentage of the lines. One with the name of a tax detail posts to the detail's account.
Any other posts to the account of the first line, since the accounts of transaction definitions are not available.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import Rounding, amount, number_sent
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import ID_FIELDS, PLACES
from intacct_emulator.records.audit_fields import set_audit_fields
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_protocol.xml.xml import Element


@dataclass(frozen=True, slots=True)
class Subtotal:
    """One subtotal of a request."""

    description: str
    fixed: Decimal | None
    percent: Decimal | None
    cells: tuple[tuple[str, str], ...] = ()
    """Its dimensions."""

    def of(self, lines: Decimal, rounding: Rounding, currency: str) -> Decimal:
        """Its amount, for lines with that sum."""
        if self.fixed is None:
            return rounding.round(lines * (self.percent or 0) / 100, currency)
        return rounding.round(self.fixed, currency)


def subtotals_sent(body: Element, name: str) -> list[Subtotal] | None:
    """The subtotals in the element of that name; None if the body has no such element."""
    wrapper = body.find(name)
    return None if wrapper is None else [_subtotal(node) for node in wrapper.children]


def _subtotal(node: Element) -> Subtotal:
    total, fixed, percent = (number_sent(name, node.findtext(name)) for name in ("total", "absval", "percentval"))
    if fixed is not None and total is not None and fixed != total:
        raise refused(f"The total {total} of a subtotal is not its absval {fixed}.", field="total")
    cells = tuple((name, text) for name in ID_FIELDS if (text := node.findtext(name.lower()).strip()))
    fixed = fixed if fixed is not None else total if percent is None else None
    if percent is not None and (fixed is not None or total is not None):
        raise refused(
            "A subtotal is an amount or a percentage, not both.",
            correction="Leave percentval out, or total and absval.",
            field="percentval",
        )
    return Subtotal(node.findtext("description").strip(), fixed, percent, cells)


def stored(call: FunctionCall, object_name: str, header: Row) -> list[Subtotal]:
    """The stored subtotals of a transaction."""
    subtotals = []
    for _, row in _rows(call, object_name, header):
        percent = amount(row, "PERCENTVAL") if row.get("PERCENTVAL") else None
        fixed = None if percent is not None else amount(row, "TRX_TOTAL")
        cells = tuple((name, row[name]) for name in ID_FIELDS if row.get(name))
        cells += tuple((f"{name}ID", row[name]) for name in PLACES if row.get(name))
        subtotals.append(Subtotal(row.get("DESCRIPTION", ""), fixed, percent, cells))
    return subtotals


def keep(call: FunctionCall, object_name: str, header: Row, subtotals: Sequence[Subtotal]) -> None:
    """Replace the subtotals of a transaction."""
    name = f"{object_name}SUBTOTALS"
    described, table = call.company.find(name), call.company.table(name)
    for number, _ in _rows(call, object_name, header):
        table.delete(number)
    rounding = posting_rules(call.company).rounding
    lines, rate = amount(header, "TRX_SUBTOTAL"), Decimal(header.get("EXCHRATE") or 1)
    for subtotal in subtotals:
        trx = subtotal.of(lines, rounding, header.get("CURRENCY", ""))
        base = decimal_text(rounding.to_base(trx, rate, header.get("BASECURR", "")))
        cells = dict(subtotal.cells)
        row: Row = {"DOCHDRNO": header["RECORDNO"], "DESCRIPTION": subtotal.description, "DOCPARID": header["DOCPARID"]}
        row |= {"TOTAL": base, "ABSVAL": base, "TRX_TOTAL": decimal_text(trx), "TRX_ABSVAL": decimal_text(trx)}
        row |= {"PERCENTVAL": decimal_text(subtotal.percent)} if subtotal.percent is not None else {}
        row |= {"LOCATION": cells.pop("LOCATIONID", ""), "DEPARTMENT": cells.pop("DEPARTMENTID", ""), **cells}
        row["STATUS"] = "active"
        row = {key: text for key, text in row.items() if text}
        set_audit_fields(call, described, row, new=True)
        if not table.plan.key_is_integer:
            row[table.plan.key] = str(table.next_number())
        table.insert(row)


def _rows(call: FunctionCall, object_name: str, header: Row) -> list[tuple[int, Row]]:
    table = call.company.table(f"{object_name}SUBTOTALS")
    return [(number, row) for number, row in table.rows() if row.get("DOCHDRNO") == header["RECORDNO"]]


def charges(
    call: FunctionCall, subtotals: Sequence[Subtotal], lines: Decimal, first: Row, *, memo: str, currency: str
) -> list[Row]:
    """Lines of an invoice or a bill for the subtotals; other cells are those of its first line."""
    lines_of_charges, rounding = [], posting_rules(call.company).rounding
    for subtotal in subtotals:
        total = decimal_text(subtotal.of(lines, rounding, currency))
        cells = first | dict(subtotal.cells) | {"TRX_AMOUNT": total, memo: subtotal.description}
        account = _tax_account(call, subtotal.description)
        if account:
            cells["ACCOUNTNO"] = account
        lines_of_charges.append(
            {name: text for name, text in cells.items() if name != "ITEMID" or ("ITEMID", text) in subtotal.cells}
        )
    return lines_of_charges


def _tax_account(call: FunctionCall, description: str) -> str:
    table = call.company.table("TAXDETAIL")
    for number in table.find("DETAILID", description):
        return (table.get(number) or {}).get("GLACCOUNT", "")
    return ""
