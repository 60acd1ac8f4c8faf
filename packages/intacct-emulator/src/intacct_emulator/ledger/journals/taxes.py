"""Taxes on a line: the tax details that apply, their amounts, and the rows that post them.

The cell `TAXENTRIES` of a line holds its taxes as pairs of tax detail and amount. An empty amount means the rate of the
detail. For amounts that include tax, `TOTALTRXAMOUNT` holds the gross amount, and the line has the net. Every tax is
rounded to the cent, and the last one takes the rounding difference.
"""

import json
from dataclasses import dataclass
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO, Rounding
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.records.references import REFERENCES, Reference, find_reference
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused

TAX_ENTRIES = "TAXENTRIES"
GROSS = "TOTALTRXAMOUNT"
_DETAIL = Reference(("TAXDETAIL",), "Tax Detail")
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class _Rounded:
    """The rounding of one line's amounts."""

    rounding: Rounding
    currency: str

    def __call__(self, value: Decimal) -> Decimal:
        return self.rounding.round(value, self.currency)

    def sent(self, name: str, text: str) -> Decimal:
        return self.rounding.sent(name, text, self.currency)

    @property
    def unit(self) -> Decimal:
        return self.rounding.unit(self.currency)


def tax_cell(pairs: list[tuple[str, str]]) -> str:
    """Pairs of tax detail and amount as a cell; empty for no taxes."""
    return json.dumps(pairs) if pairs else ""


def is_tax_row(row: Row) -> bool:
    """Whether a row is a tax on the line before it."""
    return row.get("LINEITEM") == "F"


def tax_cell_with(call: FunctionCall, row: Row, before: str) -> str:
    """The tax cell of a line with a stored tax row added; `before` is the cell without it."""
    detail = call.company.table("TAXDETAIL").get(int(row.get("DETAILKEY") or 0)) or {}
    pairs = [*json.loads(before or "[]"), [detail.get("DETAILID", ""), row.get("TRX_AMOUNT", "")]]
    return json.dumps(pairs)


def set_net_amount(call: FunctionCall, line: Row, *, money: str = "TRX_AMOUNT") -> None:
    """Set the net amount of a line that has only a gross amount."""
    if line.get(GROSS) and not line.get(money):
        details, sent_amounts = _taxes(call, line)
        rounded = _Rounded(posting_rules(call.company).rounding, line.get("CURRENCY", ""))
        line[money] = decimal_text(_net(rounded, rounded.sent(GROSS, line[GROSS]), details, sent_amounts))


def with_tax_rows(call: FunctionCall, line: Row, *, account: str = "ACCOUNTNO", money: str = "TRX_AMOUNT") -> list[Row]:
    """A complete line, followed by the rows of its taxes."""
    details, sent_amounts = _taxes(call, line)
    line.pop(TAX_ENTRIES, None)
    gross_text = line.pop(GROSS, "")
    if not details and not gross_text:
        return [line]
    rounded = _Rounded(posting_rules(call.company).rounding, line.get("CURRENCY", ""))
    net = rounded.sent(money, line[money])
    amounts = [
        _share(rounded, net, detail) if fixed is None else fixed
        for detail, fixed in zip(details, sent_amounts, strict=True)
    ]
    if gross_text:
        _settle_gross(rounded, rounded.sent(GROSS, gross_text), net, amounts, sent_amounts)
    rows = [
        _tax_row(call, line, detail, amount, account=account, money=money)
        for detail, amount in zip(details, amounts, strict=True)
    ]
    return [line, *(row for row in rows if rounded.sent(money, row[money]))]


def _taxes(call: FunctionCall, line: Row) -> tuple[list[Row], list[Decimal | None]]:
    pairs: list[list[str]] = json.loads(line.get(TAX_ENTRIES) or "[]")
    rounded = _Rounded(posting_rules(call.company).rounding, line.get("CURRENCY", ""))
    sent_amounts = [rounded.sent("TRX_TAX", one[1]) if one[1] else None for one in pairs]
    return [_tax_detail(call, one[0]) for one in pairs], sent_amounts


def _settle_gross(
    rounded: "_Rounded", gross: Decimal, net: Decimal, amounts: list[Decimal], sent_amounts: list[Decimal | None]
) -> None:
    lost = gross - net - sum(amounts, ZERO)
    free = [place for place, fixed in enumerate(sent_amounts) if fixed is None]
    if lost and free and abs(lost) <= rounded.unit * len(amounts):
        amounts[free[-1]] += lost
    elif lost:
        raise refused(
            f"The total {gross} of a line is not its amount {net} and its taxes {sum(amounts, ZERO)}.",
            correction=f"Leave {GROSS} out, or make it their sum.",
            field=GROSS,
        )


def _net(rounded: "_Rounded", gross: Decimal, details: list[Row], sent_amounts: list[Decimal | None]) -> Decimal:
    fixed = sum((one for one in sent_amounts if one is not None), ZERO)
    rates = (_rate(detail) for detail, one in zip(details, sent_amounts, strict=True) if one is None)
    percent_of_net = _HUNDRED + sum(rates, ZERO)
    return rounded((gross - fixed) * _HUNDRED / percent_of_net)


def _share(rounded: "_Rounded", net: Decimal, detail: Row) -> Decimal:
    return rounded(net * _rate(detail) / _HUNDRED)


def _rate(detail: Row) -> Decimal:
    return Decimal(detail.get("VALUE") or 0)


def _tax_detail(call: FunctionCall, name: str) -> Row:
    if not name:
        raise refused("Required field DETAILID is missing for TAXENTRY.", correction="Name a tax detail.")
    detail = find_reference(call.company, _DETAIL, name, field="DETAILID")
    if detail.get("STATUS") == "inactive":
        raise refused(f"Tax Detail '{name}' is inactive.", correction="Choose an active one.", field="DETAILID")
    if not detail.get("GLACCOUNT"):
        raise refused(f"Tax Detail '{name}' has no account to post to.", field="DETAILID")
    return detail


def _tax_row(call: FunctionCall, line: Row, detail: Row, amount: Decimal, *, account: str, money: str) -> Row:
    """The row of one tax, with the dimensions of its line and the account of its detail."""
    dropped = ("RECORDNO", "ACCOUNTLABEL", "ACCOUNTLABELKEY", "FORM1099", "FORM1099TYPE", "FORM1099BOX", "AMOUNT")
    row = {name: text for name, text in line.items() if name not in dropped}
    posts = find_reference(call.company, REFERENCES["ACCOUNTNO"], detail["GLACCOUNT"])
    row |= {account: detail["GLACCOUNT"], "ACCOUNTTITLE": posts.get("TITLE", "")}
    row |= {"ACCOUNTKEY": posts.get("RECORDNO", ""), money: decimal_text(amount)}
    return row | {"LINEITEM": "F", "DETAILKEY": detail["RECORDNO"]}
