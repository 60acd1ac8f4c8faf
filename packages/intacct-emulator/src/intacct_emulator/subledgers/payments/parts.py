"""The parts of a payment: the documents that it settles, with money, credits, advances, overpayments and discounts.

A detail names one document, and an amount for each way of settling it. Credits, advances and overpayments also name
the record that they are taken from. An amount that its record does not have is refused with the name of its field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO, amount, number_sent
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.posting_rows import PAYABLES, RECEIVABLES
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.document_types import ADVANCES, DOCUMENT_TYPES, OVERPAYMENTS, DocumentType
from intacct_emulator.subledgers.payments.discounts import discount_of
from intacct_emulator.subledgers.payments.open_items import OpenItems, PaymentPart, unreserved


@dataclass(frozen=True, slots=True)
class SettlementSource:
    """One way of settling a document without money: the fields of a detail, and the documents that hold the amount."""

    name: str
    """The start of its fields: `NAMEKEY`, `NAMEENTRYKEY`."""
    money: str
    """The amount's field. Requests put `TRX_` before it."""
    document_types: tuple[DocumentType, ...]
    base: str = ""
    """The field of the amount in base currency, if it is not `money`."""

    @property
    def key(self) -> str:
        """The field that names the record."""
        return f"{self.name}KEY"

    @property
    def entry(self) -> str:
        """The field that names its line."""
        return f"{self.name}ENTRYKEY"


@dataclass(frozen=True, slots=True)
class PaymentType:
    """Payments to vendors, or receipts from customers."""

    object: str
    line: str
    party: str
    document_types: tuple[DocumentType, ...]
    sources: tuple[SettlementSource, ...]
    journal: str
    module: str
    type: str
    posted_state: str
    """The state of a posted payment."""
    noun: str
    day: str
    """The field of the payment's day."""

    @property
    def party_id(self) -> str:
        """The field that names the party."""
        return f"{self.party}ID"


_BILL, _INVOICE = DOCUMENT_TYPES["APBILL"], DOCUMENT_TYPES["ARINVOICE"]
VENDOR_PAYMENTS = PaymentType(
    object="APPYMT",
    line="APPYMTDETAIL",
    party="VENDOR",
    document_types=(_BILL, DOCUMENT_TYPES["APADJUSTMENT"]),
    sources=(
        SettlementSource("ADJUSTMENT", "ADJUSTMENTAMOUNT", (DOCUMENT_TYPES["APADJUSTMENT"],)),
        SettlementSource("INLINE", "INLINEAMOUNT", (_BILL,)),
        SettlementSource("ADVANCE", "POSTEDADVANCEAMOUNT", ()),
    ),
    journal="CDJ",
    module=PAYABLES,
    type="pp",
    posted_state="Confirmed",
    noun="Payment",
    day="WHENCREATED",
)
CUSTOMER_RECEIPTS = PaymentType(
    object="ARPYMT",
    line="ARPYMTDETAIL",
    party="CUSTOMER",
    document_types=(_INVOICE, DOCUMENT_TYPES["ARADJUSTMENT"]),
    sources=(
        SettlementSource("ADJUSTMENT", "ADJUSTMENTAMOUNT", (DOCUMENT_TYPES["ARADJUSTMENT"],)),
        SettlementSource("INLINE", "INLINEAMOUNT", (_INVOICE,)),
        SettlementSource("ADVANCE", "POSTEDADVANCEAMOUNT", (ADVANCES,)),
        SettlementSource("OVERPAYMENT", "POSTEDOVERPAYMENTAMOUNT", (OVERPAYMENTS,), "OVERPAYMENTAMOUNT"),
        SettlementSource("NEGATIVEINVOICE", "NEGATIVEINVOICEAMOUNT", (_INVOICE,)),
    ),
    journal="CRJ",
    module=RECEIVABLES,
    type="rp",
    posted_state="Complete",
    noun="Receipt",
    day="RECEIPTDATE",
)
PAYMENT_TYPES = {VENDOR_PAYMENTS.object: VENDOR_PAYMENTS, CUSTOMER_RECEIPTS.object: CUSTOMER_RECEIPTS}
CREDIT, DISCOUNT = "CREDITTOAPPLY", "TRX_TOTALDISCOUNTTOAPPLY"
"""A credit from any open credits, and a discount: amounts that legacy functions send without a key."""


@dataclass(frozen=True, slots=True)
class Credit:
    """The amount that one source gives to a detail."""

    source: SettlementSource
    document_type: DocumentType
    part: PaymentPart
    trx_amount: Decimal
    """The amount of the document that it settles, positive."""


@dataclass(frozen=True, slots=True)
class SettledDetail:
    """One detail: the part of a document that is settled, with its credits and discount."""

    document_type: DocumentType
    part: PaymentPart
    credits: tuple[Credit, ...] = ()
    inline: tuple[SettlementSource, str, Decimal] | None = None
    """A credit line of the document itself: its source, its record number and the amount used."""
    discount: Decimal = ZERO

    @property
    def money_amount(self) -> Decimal:
        """The amount that is paid in money."""
        return self.part.trx_amount - sum((one.trx_amount for one in self.credits), ZERO) - self.discount


@dataclass(frozen=True, slots=True)
class SettlementInput:
    """The details of a payment, and its total amount if the request gives one."""

    details: Sequence[Row]
    stated_total: Decimal | None = None
    stated_field: str = ""
    """The field of that amount."""


def parts_of(
    call: FunctionCall, payment_type: PaymentType, row: Row, requested: SettlementInput, *, overpayment: Decimal = ZERO
) -> list[SettledDetail]:
    """The parts that the details settle. A document of another party or currency, or one not open, is refused."""
    opened = OpenItems(call)
    left = None if requested.stated_total is None else requested.stated_total - overpayment
    details: list[SettledDetail] = []
    for detail in requested.details:
        settled = _settled_detail(call, payment_type, row, detail, opened=opened, left=left)
        details.append(settled)
        left = None if left is None else left - settled.money_amount
    opened.check()
    if left:
        total = (requested.stated_total or ZERO) - left
        raise refused(
            f"The amount {requested.stated_total} is not the sum of the details, {total}.",
            correction=f"Correct {requested.stated_field}, or the amounts of the details.",
            field=requested.stated_field,
        )
    return details


def _settled_detail(
    call: FunctionCall, payment_type: PaymentType, row: Row, detail: Row, *, opened: OpenItems, left: Decimal | None
) -> SettledDetail:
    first = "POSADJKEY" if detail.get("POSADJKEY") and not detail.get("RECORDKEY") else "RECORDKEY"
    key = detail.get(first, "")
    document_type, document = opened.find(payment_type.document_types, key, field=first)
    _check_party(payment_type, row, document)
    detail = _rounded(call, row, detail)
    entry = detail.get("ENTRYKEY") or detail.get("POSADJENTRYKEY", "")
    money = _money(detail, "PAYMENTAMOUNT")
    inline = _inline(payment_type, detail, key)
    credits = [
        _credit(payment_type, row, detail, source, opened=opened)
        for source in payment_type.sources
        if _is_used(source, detail, key)
    ]
    credits += _any_credits(call, payment_type, row, detail, opened=opened)
    credited_total = sum((one.trx_amount for one in credits), ZERO) + (inline[2] if inline else ZERO)
    requested = _decimal(detail, DISCOUNT) or _decimal(detail, "TRX_DISCOUNTAMOUNT")
    discount = discount_of(
        call, document_type, document, detail, requested=requested, most=unreserved(document) - credited_total
    )
    if money is None and not credited_total:
        money = _default(document, left, discount)
        if left is None and not money and not discount:
            raise refused(
                f"Nothing is due of {document_type.noun.lower()} {document.get('RECORDID') or document['RECORDNO']}.",
                errorno="BL03000130",
                correction="Leave it out of the payment.",
            )
    total = (money or ZERO) + credited_total + discount
    credited = ((inline[1], -inline[2]),) if inline else ()
    part = opened.take(document_type, document, total, entry=entry, credited=credited)
    return SettledDetail(document_type, part, tuple(credits), inline, discount)


def _default(document: Row, left: Decimal | None, discount: Decimal) -> Decimal:
    """The amount of a detail that gives none: the amount due, at most the rest of the payment."""
    due = unreserved(document) - discount
    return due if left is None else max(min(due, left), ZERO)


def _is_used(source: SettlementSource, detail: Row, key: str) -> bool:
    if _money(detail, source.money):
        return source.name != "INLINE" or detail.get(source.key, key) != key
    if detail.get(source.key) and not _money(detail, "PAYMENTAMOUNT"):
        text = f"{source.key} is given without an amount."
        raise refused(text, correction=f"Provide TRX_{source.money}.", field=source.key)
    return False


def _inline(payment_type: PaymentType, detail: Row, key: str) -> tuple[SettlementSource, str, Decimal] | None:
    source = next(one for one in payment_type.sources if one.name == "INLINE")
    money = _money(detail, source.money)
    if not money or detail.get(source.key, key) != key:
        return None
    if not detail.get(source.entry):
        raise refused(
            f"{source.money} is given without its line.", correction=f"Provide {source.entry}.", field=source.entry
        )
    return source, detail[source.entry], money


def _credit(payment_type: PaymentType, row: Row, detail: Row, source: SettlementSource, *, opened: OpenItems) -> Credit:
    money = _money(detail, source.money) or ZERO
    if money < 0:
        raise refused(
            f"TRX_{source.money} is below zero.",
            correction="Provide the amount that is used.",
            field=f"TRX_{source.money}",
        )
    document_type, other = opened.find(source.document_types, detail.get(source.key, ""), field=source.key)
    _check_party(payment_type, row, other)
    held = document_type in (ADVANCES, OVERPAYMENTS)
    used = money if held else -money
    entry = detail.get(source.entry, "") if document_type is not OVERPAYMENTS else ""
    return Credit(source, document_type, opened.take(document_type, other, used, entry=entry), money)


def _any_credits(
    call: FunctionCall, payment_type: PaymentType, row: Row, detail: Row, *, opened: OpenItems
) -> list[Credit]:
    """A credit without a key is taken from the party's open credits, the oldest first."""
    left = _decimal(detail, CREDIT)
    credits: list[Credit] = []
    source = payment_type.sources[0]
    table = call.company.table(source.document_types[0].object)
    for number, credit_row in table.rows() if left else ():
        same = credit_row.get(payment_type.party_id) == row[payment_type.party_id] and credit_row.get(
            "CURRENCY"
        ) == row.get("CURRENCY")
        if (
            not same
            or not left
            or amount(credit_row, "TRX_TOTALDUE") >= 0
            or credit_row.get("STATE") in ("Draft", "Submitted")
        ):
            continue
        document_type, there = opened.find(source.document_types, str(number), field=CREDIT)
        money = min(left, -unreserved(there))
        if money > 0:
            credits.append(Credit(source, document_type, opened.take(document_type, there, -money), money))
            left -= money
    if left:
        raise refused(
            f"There are not enough open credits: {left} of {_decimal(detail, CREDIT)} is missing.",
            correction="Apply less credit.",
            field=CREDIT.lower(),
        )
    return credits


def _money(detail: Row, name: str) -> Decimal | None:
    """An amount in the transaction's currency; None if the detail gives none."""
    for field in (f"TRX_{name}", name):
        if detail.get(field):
            return _decimal(detail, field)
    return None


def _decimal(detail: Row, name: str) -> Decimal:
    return number_sent(name, detail.get(name, "")) or ZERO


def _rounded(call: FunctionCall, row: Row, detail: Row) -> Row:
    """A detail with its amounts rounded to the decimals of the payment's currency."""
    rounding, cells = posting_rules(call.company).rounding, dict(detail)
    for name in (name for name in detail if name.endswith(("AMOUNT", "TOAPPLY"))):
        value = rounding.sent_or_none(name, detail[name], row.get("CURRENCY", ""))
        cells[name] = "" if value is None else str(value)
    return cells


def every_part(settled: Sequence[SettledDetail]) -> list[tuple[DocumentType, PaymentPart]]:
    """Every part with its document type: those of the documents, then those of credits, advances and overpayments."""
    parts = [(one.document_type, one.part) for one in settled]
    return parts + [(credit.document_type, credit.part) for one in settled for credit in one.credits]


def _check_party(payment_type: PaymentType, row: Row, document: Row) -> None:
    if document.get(payment_type.party_id) != row[payment_type.party_id]:
        raise refused(
            f"{document.get('RECORDID') or document['RECORDNO']} belongs to {document.get(payment_type.party_id)}, "
            f"not to {row[payment_type.party_id]}.",
            correction="Pay the documents of each party separately.",
        )
    currency = row.setdefault("CURRENCY", document.get("CURRENCY", ""))
    if document.get("CURRENCY") != currency:
        raise refused(
            f"{document.get('RECORDID') or document['RECORDNO']} is in {document.get('CURRENCY')}, "
            f"the payment in {currency}.",
            correction="Pay in the currency of the document.",
        )
