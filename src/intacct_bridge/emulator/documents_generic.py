"""Bills and payments by the generic functions: what `create`, `update` and `delete` send, as an entry or as money."""

from dataclasses import dataclass

from intacct_bridge.emulator import documents, payments
from intacct_bridge.emulator.books import Call
from intacct_bridge.emulator.cells import Row, text_of
from intacct_bridge.emulator.documents import Entry
from intacct_bridge.emulator.drafts import Draft
from intacct_bridge.emulator.families import FAMILIES, Family, amount
from intacct_bridge.emulator.payment_parts import PAID, SIDES, Side
from intacct_bridge.emulator.payments import Money
from intacct_bridge.emulator.refusals import refused
from intacct_bridge.errors import RecordError
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.wire.values import Kind, parse_value

_MOVES = ("FINANCIALENTITY", "VENDORID", "CUSTOMERID", "CURRENCY", "WHENCREATED", "RECEIPTDATE", "EXCHANGE_RATE")


@dataclass(frozen=True, slots=True)
class Documents:
    """The three verbs for one family of documents."""

    family: Family

    def create(self, call: Call, draft: Draft) -> Row:
        """Enter a document."""
        lines = self._lines(draft)
        return documents.enter(call, self.family, Entry(_values(draft), lines or [], _waits(draft)))

    def update(self, call: Call, draft: Draft, number: int) -> Row:
        """Change a document; the lines that are sent are the whole new set."""
        there = call.books.table(self.family.object).get(number) or {}
        waits = _waits(draft) or (there.get("STATE") == "Draft" and not draft.extra.get("ACTION"))
        return documents.change(call, self.family, number, Entry(_values(draft), self._lines(draft), waits))

    def delete(self, call: Call, described: ObjectDef, number: int) -> None:  # noqa: ARG002  # the verbs' signature
        """Delete a document with its postings."""
        documents.drop(call, self.family, number)

    def _lines(self, draft: Draft) -> list[Row] | None:
        found = draft.lines.get(self.family.line)
        return None if found is None else [one.values for one in found]


@dataclass(frozen=True, slots=True)
class Payments:
    """The three verbs for payments or for receipts."""

    side: Side

    def create(self, call: Call, draft: Draft) -> Row:
        """Enter a payment."""
        return payments.pay(call, self.side, self._money(call, draft))

    def update(self, call: Call, draft: Draft, number: int) -> Row:
        """Change a payment, or submit a draft."""
        there = call.books.table(self.side.object).get(number) or {}
        money = self._money(call, draft)
        if not draft.extra.get("ACTION"):
            money = Money(money.values, money.details, there.get("STATE", ""), money.over, money.place)
        moved = any(money.values.get(name, there.get(name)) != there.get(name) for name in _MOVES)
        submits = draft.extra.get("ACTION", "").lower() == "submit" and there.get("STATE") == "Draft"
        only = not moved and not money.details and not submits
        return payments.amend(call, self.side, number, money, described_only=only)

    def delete(self, call: Call, described: ObjectDef, number: int) -> None:  # noqa: ARG002  # the verbs' signature
        """Delete a payment that waits."""
        payments.drop(call, self.side, number)

    def _money(self, call: Call, draft: Draft) -> Money:
        values = _values(draft)
        if self.side is PAID and draft.extra.get("PAYMENTDATE"):
            values["WHENCREATED"] = _day(call, draft.extra["PAYMENTDATE"])
        elif draft.extra.get("PAYMENTDATE"):
            values.setdefault("WHENPAID", _day(call, draft.extra["PAYMENTDATE"]))
        details = [one.values for one in draft.lines.get(self.side.line, ())]
        over = amount(draft.extra, "OVERPAYMENTAMOUNT")
        return Money(
            values, details, "Draft" if _waits(draft) else "", over, draft.extra.get("OVERPAYMENTLOCATIONID", "")
        )


def _values(draft: Draft) -> Row:
    return {name: text for name, text in draft.values.items() if name != "RECORDNO"}


def _waits(draft: Draft) -> bool:
    return draft.extra.get("ACTION", "").lower() == "draft"


def _day(call: Call, text: str) -> str:
    try:
        return text_of(parse_value(Kind.DATE, text, call.session.user.formatting))
    except RecordError:
        raise refused(f"Illegal format for PAYMENTDATE: '{text}'", errorno="BL03000018") from None


DOCUMENTS = {name: Documents(family) for name, family in FAMILIES.items()}
PAYMENTS = {name: Payments(side) for name, side in SIDES.items()}
