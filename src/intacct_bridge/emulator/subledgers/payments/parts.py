"""What a payment is made of: the documents it settles, and by what: money, credits, advances, overpayments, discounts.

Every detail names one document and, for each way it is settled, an amount; a way that holds the amount elsewhere names
that record too. An amount that cannot be taken from where it is said to be is refused by the name of its field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from intacct_bridge.emulator.accounting.amounts import ZERO, amount, amount_sent
from intacct_bridge.emulator.accounting.posting_rows import PAYABLES, RECEIVABLES
from intacct_bridge.emulator.company.company_data import FunctionCall
from intacct_bridge.emulator.settings.cells import Row
from intacct_bridge.emulator.settings.refusals import refused
from intacct_bridge.emulator.subledgers.families import ADVANCES, FAMILIES, OVERPAYMENTS, Family
from intacct_bridge.emulator.subledgers.payments.discounts import discount_of
from intacct_bridge.emulator.subledgers.payments.open_items import OpenItems, PaymentPart, free


@dataclass(frozen=True, slots=True)
class SettlementSource:
    """One way of settling beside money: the fields of a detail, and where the amount is held."""

    name: str
    """The start of its fields: `NAMEKEY`, `NAMEENTRYKEY`."""
    money: str
    """The amount's field, behind `TRX_` where a detail is sent."""
    families: tuple[Family, ...]
    base: str = ""
    """The field of the amount in base currency; `money` where nothing else is said."""

    @property
    def key(self) -> str:
        """The field that names the record."""
        return f"{self.name}KEY"

    @property
    def entry(self) -> str:
        """The field that names its line."""
        return f"{self.name}ENTRYKEY"


@dataclass(frozen=True, slots=True)
class PaymentSide:
    """Payments to vendors, or receipts from customers."""

    object: str
    line: str
    party: str
    families: tuple[Family, ...]
    sources: tuple[SettlementSource, ...]
    journal: str
    module: str
    type: str
    done: str
    """The state of what is posted."""
    word: str
    day: str
    """The field of the payment's day."""

    @property
    def party_id(self) -> str:
        """The field that names the party."""
        return f"{self.party}ID"


_BILL, _INVOICE = FAMILIES["APBILL"], FAMILIES["ARINVOICE"]
VENDOR_SIDE = PaymentSide(
    object="APPYMT",
    line="APPYMTDETAIL",
    party="VENDOR",
    families=(_BILL, FAMILIES["APADJUSTMENT"]),
    sources=(
        SettlementSource("ADJUSTMENT", "ADJUSTMENTAMOUNT", (FAMILIES["APADJUSTMENT"],)),
        SettlementSource("INLINE", "INLINEAMOUNT", (_BILL,)),
        SettlementSource("ADVANCE", "POSTEDADVANCEAMOUNT", ()),
    ),
    journal="CDJ",
    module=PAYABLES,
    type="pp",
    done="Confirmed",
    word="Payment",
    day="WHENCREATED",
)
CUSTOMER_SIDE = PaymentSide(
    object="ARPYMT",
    line="ARPYMTDETAIL",
    party="CUSTOMER",
    families=(_INVOICE, FAMILIES["ARADJUSTMENT"]),
    sources=(
        SettlementSource("ADJUSTMENT", "ADJUSTMENTAMOUNT", (FAMILIES["ARADJUSTMENT"],)),
        SettlementSource("INLINE", "INLINEAMOUNT", (_INVOICE,)),
        SettlementSource("ADVANCE", "POSTEDADVANCEAMOUNT", (ADVANCES,)),
        SettlementSource("OVERPAYMENT", "POSTEDOVERPAYMENTAMOUNT", (OVERPAYMENTS,), "OVERPAYMENTAMOUNT"),
        SettlementSource("NEGATIVEINVOICE", "NEGATIVEINVOICEAMOUNT", (_INVOICE,)),
    ),
    journal="CRJ",
    module=RECEIVABLES,
    type="rp",
    done="Complete",
    word="Receipt",
    day="RECEIPTDATE",
)
SIDES = {VENDOR_SIDE.object: VENDOR_SIDE, CUSTOMER_SIDE.object: CUSTOMER_SIDE}
CREDIT, DISCOUNT = "CREDITTOAPPLY", "TRX_TOTALDISCOUNTTOAPPLY"
"""A credit taken from whatever is open, and a discount: details that legacy functions send without a key."""


@dataclass(frozen=True, slots=True)
class Credit:
    """What one source gives to a detail."""

    source: SettlementSource
    family: Family
    part: PaymentPart
    trx_amount: Decimal
    """Positive: what it settles of the document."""


@dataclass(frozen=True, slots=True)
class SettledDetail:
    """One detail: a document's part, and what it is settled by beside money."""

    family: Family
    part: PaymentPart
    credits: tuple[Credit, ...] = ()
    inline: tuple[SettlementSource, str, Decimal] | None = None
    """A credit line of the document itself, and what of it was used."""
    discount: Decimal = ZERO

    @property
    def money(self) -> Decimal:
        """What is paid in money."""
        return self.part.trx_amount - sum((one.trx_amount for one in self.credits), ZERO) - self.discount


@dataclass(frozen=True, slots=True)
class SettlementInput:
    """What is to be settled: the details, and the whole amount where the payment tells one."""

    details: Sequence[Row]
    stated: Decimal | None = None
    stated_in: str = ""
    """The field that told it."""


def parts_of(
    call: FunctionCall, side: PaymentSide, row: Row, asked: SettlementInput, *, over: Decimal = ZERO
) -> list[SettledDetail]:
    """What the details settle; refused is what is another party's, in another currency, or not open."""
    opened = OpenItems(call)
    left = None if asked.stated is None else asked.stated - over
    found: list[SettledDetail] = []
    for detail in asked.details:
        one = _settles(call, side, row, detail, opened=opened, left=left)
        found.append(one)
        left = None if left is None else left - one.money
    opened.check()
    if left:
        raise refused(
            f"The amount {asked.stated} is not what the details come to, {asked.stated - left if asked.stated else 0}.",
            correction=f"Correct {asked.stated_in}, or the amounts of the details.",
            field=asked.stated_in,
        )
    return found


def _settles(
    call: FunctionCall, side: PaymentSide, row: Row, detail: Row, *, opened: OpenItems, left: Decimal | None
) -> SettledDetail:
    first = "POSADJKEY" if detail.get("POSADJKEY") and not detail.get("RECORDKEY") else "RECORDKEY"
    key = detail.get(first, "")
    family, document = opened.find(side.families, key, field=first)
    _check_party(side, row, document)
    entry = detail.get("ENTRYKEY") or detail.get("POSADJENTRYKEY", "")
    money = _money(detail, "PAYMENTAMOUNT")
    inline = _inline(side, detail, key)
    credits = [
        _credit(side, row, detail, source, opened=opened) for source in side.sources if _is_used(source, detail, key)
    ]
    credits += _any_credits(call, side, row, detail, opened=opened)
    lent = sum((one.trx_amount for one in credits), ZERO) + (inline[2] if inline else ZERO)
    asked = _decimal(detail, DISCOUNT) or _decimal(detail, "TRX_DISCOUNTAMOUNT")
    discount = discount_of(call, family, document, detail, given=asked, most=free(document) - lent)
    if money is None and not lent:
        money = _default(document, left, discount)
    whole = (money or ZERO) + lent + discount
    credited = ((inline[1], -inline[2]),) if inline else ()
    part = opened.take(family, document, whole, entry=entry, credited=credited)
    return SettledDetail(family, part, tuple(credits), inline, discount)


def _default(document: Row, left: Decimal | None, discount: Decimal) -> Decimal:
    """A detail without an amount pays what is due, or what is left of the payment."""
    due = free(document) - discount
    return due if left is None else max(min(due, left), ZERO)


def _is_used(source: SettlementSource, detail: Row, key: str) -> bool:
    if _money(detail, source.money):
        return source.name != "INLINE" or detail.get(source.key, key) != key
    if detail.get(source.key) and not _money(detail, "PAYMENTAMOUNT"):
        told = f"{source.key} is given without an amount."
        raise refused(told, correction=f"Provide TRX_{source.money}.", field=source.key)
    return False


def _inline(side: PaymentSide, detail: Row, key: str) -> tuple[SettlementSource, str, Decimal] | None:
    source = next(one for one in side.sources if one.name == "INLINE")
    money = _money(detail, source.money)
    if not money or detail.get(source.key, key) != key:
        return None
    if not detail.get(source.entry):
        raise refused(
            f"{source.money} is given without its line.", correction=f"Provide {source.entry}.", field=source.entry
        )
    return source, detail[source.entry], money


def _credit(side: PaymentSide, row: Row, detail: Row, source: SettlementSource, *, opened: OpenItems) -> Credit:
    money = _money(detail, source.money) or ZERO
    if money < 0:
        raise refused(
            f"TRX_{source.money} is below zero.", correction="Provide what is used of it.", field=f"TRX_{source.money}"
        )
    family, other = opened.find(source.families, detail.get(source.key, ""), field=source.key)
    _check_party(side, row, other)
    held = family in (ADVANCES, OVERPAYMENTS)
    every_part = money if held else -money
    entry = detail.get(source.entry, "") if family is not OVERPAYMENTS else ""
    return Credit(source, family, opened.take(family, other, every_part, entry=entry), money)


def _any_credits(call: FunctionCall, side: PaymentSide, row: Row, detail: Row, *, opened: OpenItems) -> list[Credit]:
    """A credit without a key comes from the party's open credits, the oldest first."""
    left = _decimal(detail, CREDIT)
    found: list[Credit] = []
    source = side.sources[0]
    table = call.company.table(source.families[0].object)
    for number, one in table.rows() if left else ():
        same = one.get(side.party_id) == row[side.party_id] and one.get("CURRENCY") == row.get("CURRENCY")
        if not same or not left or amount(one, "TRX_TOTALDUE") >= 0 or one.get("STATE") in ("Draft", "Submitted"):
            continue
        family, there = opened.find(source.families, str(number), field=CREDIT)
        money = min(left, -free(there))
        if money > 0:
            found.append(Credit(source, family, opened.take(family, there, -money), money))
            left -= money
    if left:
        raise refused(
            f"There are not enough open credits: {left} of {_decimal(detail, CREDIT)} is missing.",
            correction="Apply less credit.",
            field=CREDIT.lower(),
        )
    return found


def _money(detail: Row, name: str) -> Decimal | None:
    """An amount in the transaction's currency; None where it is not told."""
    for field in (f"TRX_{name}", name):
        if detail.get(field):
            return _decimal(detail, field)
    return None


def _decimal(detail: Row, name: str) -> Decimal:
    return amount_sent(name, detail.get(name, "")) or ZERO


def every_part(settled: Sequence[SettledDetail]) -> list[tuple[Family, PaymentPart]]:
    """Every part with its family: the documents', then what they are settled from."""
    found = [(one.family, one.part) for one in settled]
    return found + [(credit.family, credit.part) for one in settled for credit in one.credits]


def _check_party(side: PaymentSide, row: Row, document: Row) -> None:
    if document.get(side.party_id) != row[side.party_id]:
        raise refused(
            f"{document.get('RECORDID') or document['RECORDNO']} belongs to {document.get(side.party_id)}, "
            f"not to {row[side.party_id]}.",
            correction="Pay each party's documents by themselves.",
        )
    currency = row.setdefault("CURRENCY", document.get("CURRENCY", ""))
    if document.get("CURRENCY") != currency:
        raise refused(
            f"{document.get('RECORDID') or document['RECORDNO']} is in {document.get('CURRENCY')}, "
            f"the payment in {currency}.",
            correction="Pay in the currency of the document.",
        )
