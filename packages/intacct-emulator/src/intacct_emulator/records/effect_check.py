"""No amount is ignored: every amount of a write is stored, has an effect, or is the reason of a refusal.

The gateway itself ignores unknown elements, and a client that sends an amount may believe that it had an effect.
Therefore documents, payments, journals and orders are compared with the request after they are written: an amount must
have had an effect, or be in the record as it was sent, or be the record's amount before.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.records.drafts import Draft
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import FunctionRefusedError, refused
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import Element

_KINDS = (Kind.CURRENCY, Kind.DECIMAL, Kind.PERCENT)
_LIKE_MONEY = re.compile(r"AMOUNT|AMT$|TOTAL|TAX$|PRICE|COST$|DISCOUNTTOAPPLY|CREDITTOAPPLY|PAID$|DUE$|BALANCE$")
_LEGACY = re.compile(
    r"amount|amt$|total$|totalpaid|totaldue|^tax$|trx_tax|price$|^cost$|toapply|^exchrate$|^rate$|percent|absval|"
    r"percentval|balance$|materials$|addition$|deduction$|application$"
)
_EFFECTIVE: dict[str, frozenset[str]] = {
    "APPYMT": frozenset(("AMOUNTTOPAY",)),
    "ARPYMT": frozenset(("AMOUNTOPAY", "TRX_AMOUNTTOPAY", "OVERPAYMENTAMOUNT")),
    "GLENTRY": frozenset(("TRX_AMOUNT",)),
    "TIMESHEETENTRY": frozenset(("QTY",)),
}
_LINES = frozenset(("TRX_AMOUNT", "TOTALTRXAMOUNT"))
"""The amounts that the lines of documents are made of."""


def check_effect(call: FunctionCall, draft: Draft, row: Row, before: Mapping[str, str]) -> None:
    """Refuse an amount that is not in the written record."""
    name = draft.described.name
    _check(draft, [row, before], _EFFECTIVE.get(name, frozenset()))
    for owned in call.company.line_sets(name):
        sent = draft.lines.get(owned.line, ())
        if not sent:
            continue
        table = call.company.table(owned.line)
        stored = [table.get(number) or {} for number in table.find(owned.by, row.get(owned.key, ""))]
        for line in sent:
            effective = _EFFECTIVE.get(owned.line, _LINES) | _settling(line)
            _check(line, stored, effective)


def _settling(draft: Draft) -> frozenset[str]:
    """The amounts that settle a payment's detail: in the transaction's currency, otherwise in base currency."""
    if draft.described.name not in ("APPYMTDETAIL", "ARPYMTDETAIL"):
        return frozenset()
    in_currency = {name for name in (*draft.values, *draft.extra) if name.startswith("TRX_")}
    in_base_only = {name for name in draft.values if name.endswith("AMOUNT") and f"TRX_{name}" not in in_currency}
    return frozenset(in_currency | in_base_only)


def _check(draft: Draft, stored: Iterable[Mapping[str, str]], effective: frozenset[str]) -> None:
    described, stored = draft.described, list(stored)
    for name, text in (*draft.values.items(), *draft.readonly.items(), *draft.extra.items()):
        field = described.get(name)
        money = field.kind in _KINDS if field is not None else bool(_LIKE_MONEY.search(name))
        value = _number(text) if money and name not in effective else None
        if value and not any(_number(row.get(name, "")) == value for row in stored):
            raise _without_effect(name, text)


def _without_effect(name: str, text: str) -> FunctionRefusedError:
    return refused(
        f"{name} {text} would have no effect here.",
        correction=f"Leave {name} out, or make it what the transaction comes to.",
        field=name,
    )


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        return None


def with_effect_check(
    handler: Callable[[FunctionCall], FunctionAnswer], effective: str
) -> Callable[[FunctionCall], FunctionAnswer]:
    """A legacy function that refuses amounts without an effect; `effective` names the elements that have one."""
    names = frozenset(effective.split())

    def answer(call: FunctionCall) -> FunctionAnswer:
        for node in _leaf_elements(call.body):
            name = node.tag.lower()
            if name not in names and _LEGACY.search(name) and _number(node.text.strip()):
                raise _without_effect(node.tag, node.text.strip())
        return handler(call)

    return answer


def _leaf_elements(node: Element) -> Iterable[Element]:
    for child in node.children:
        if child.tag == "customfields":
            continue
        if child.children:
            yield from _leaf_elements(child)
        else:
            yield child
