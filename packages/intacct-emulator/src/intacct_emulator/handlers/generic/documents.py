"""Bills and payments by the generic functions: a draft as the input of a document or a payment."""

from dataclasses import dataclass, replace

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.company.company_facts import Overpayment
from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.journals.taxes import GROSS, TAX_ENTRIES, tax_cell
from intacct_emulator.records.checks import check_required_fields
from intacct_emulator.records.drafts import Draft
from intacct_emulator.settings.cells import Row, sent_value, text_of
from intacct_emulator.settings.refusals import illegal
from intacct_emulator.subledgers.document_types import DOCUMENT_TYPES, DocumentType
from intacct_emulator.subledgers.documents import entry
from intacct_emulator.subledgers.documents.entry import DocumentInput
from intacct_emulator.subledgers.payments import payment
from intacct_emulator.subledgers.payments.parts import PAYMENT_TYPES, VENDOR_PAYMENTS, PaymentType
from intacct_emulator.subledgers.payments.payment import PaymentInput
from intacct_protocol.errors import RecordError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.xml.values import Kind

_STATED = ("AMOUNTTOPAY", "TRX_AMOUNTTOPAY", "AMOUNTOPAY")
"""The total amount of a payment, as the documented requests spell it."""
_DETAIL_EXTRAS = ("TRX_TOTALDISCOUNTTOAPPLY",)
_MOVES = ("FINANCIALENTITY", "VENDORID", "CUSTOMERID", "CURRENCY", "WHENCREATED", "RECEIPTDATE", "EXCHANGE_RATE")


@dataclass(frozen=True, slots=True)
class DocumentVerbs:
    """`create`, `update` and `delete` for one type of document."""

    document_type: DocumentType

    def create(self, call: FunctionCall, draft: Draft) -> Row:
        """Enter a document."""
        lines = self._lines(draft)
        return entry.enter(call, self.document_type, DocumentInput(_values(draft), lines or [], _waits(draft)))

    def update(self, call: FunctionCall, draft: Draft, number: int) -> Row:
        """Change a document; the lines that are sent replace the stored ones."""
        stored = call.company.table(self.document_type.object).get(number) or {}
        waits = entry.stays_draft(call, self.document_type, stored, draft.extra.get("ACTION", ""))
        return entry.change(call, self.document_type, number, DocumentInput(_values(draft), self._lines(draft), waits))

    def delete(self, call: FunctionCall, described: ObjectDef, number: int) -> None:  # noqa: ARG002  # the verbs' signature
        """Delete a document with its postings."""
        entry.delete(call, self.document_type, number)

    def _lines(self, draft: Draft) -> list[Row] | None:
        lines = draft.lines.get(self.document_type.line)
        return None if lines is None else [one.values | taxes_of(one) for one in lines]


@dataclass(frozen=True, slots=True)
class PaymentVerbs:
    """`create`, `update` and `delete` for payments or receipts."""

    payment_type: PaymentType

    def create(self, call: FunctionCall, draft: Draft) -> Row:
        """Enter a payment."""
        check_required_fields(draft, draft.values)
        money = self._money(call, draft)
        if self.payment_type is VENDOR_PAYMENTS and call.company.behaviour.payment_blanks == "filled":
            provider = draft.extra.get("PAYMENTPROVIDER") or draft.values.get("PAYMENTPROVIDER", "")
            money = replace(money, values=_filled(call, money.values, provider))
        return payment.enter(call, self.payment_type, money)

    def update(self, call: FunctionCall, draft: Draft, number: int) -> Row:
        """Change a payment, or submit a draft."""
        stored = call.company.table(self.payment_type.object).get(number) or {}
        money = self._money(call, draft)
        if not draft.extra.get("ACTION"):
            money = replace(money, state=stored.get("STATE", ""))
        moved = any(money.values.get(name, stored.get(name)) != stored.get(name) for name in _MOVES)
        submits = draft.extra.get("ACTION", "").lower() == "submit" and stored.get("STATE") == "Draft"
        only = not moved and not money.details and not submits
        return payment.update(call, self.payment_type, number, money, described_only=only)

    def delete(self, call: FunctionCall, described: ObjectDef, number: int) -> None:  # noqa: ARG002  # the verbs' signature
        """Delete a payment that waits."""
        payment.delete(call, self.payment_type, number)

    def _money(self, call: FunctionCall, draft: Draft) -> PaymentInput:
        values = _values(draft)
        if self.payment_type is VENDOR_PAYMENTS and draft.extra.get("PAYMENTDATE"):
            values["WHENCREATED"] = _day(call, draft.extra["PAYMENTDATE"])
        elif draft.extra.get("PAYMENTDATE"):
            values.setdefault("WHENPAID", _day(call, draft.extra["PAYMENTDATE"]))
        rounded, currency = posting_rules(call.company).rounding.sent_or_none, values.get("CURRENCY", "")
        details = [one.values | extra_amounts(one) for one in draft.lines.get(self.payment_type.line, ())]
        over = rounded("OVERPAYMENTAMOUNT", draft.extra.get("OVERPAYMENTAMOUNT", ""), currency) or ZERO
        name = next((one for one in _STATED if draft.extra.get(one)), "")
        place = draft.extra.get("OVERPAYMENTLOCATIONID", "")
        state = "Draft" if _waits(draft) else ""
        total = rounded(name, draft.extra.get(name, ""), currency)
        return PaymentInput(values, details, state, Overpayment(over, place), total, name)


def taxes_of(draft: Draft) -> Row:
    """A line's taxes and its gross amount, as the input of a document."""
    cells = {GROSS: draft.extra[GROSS]} if draft.extra.get(GROSS) else {}
    nodes = [one for wrapper in draft.nodes.get(TAX_ENTRIES, []) for one in wrapper.children]
    if nodes:
        pairs = [(one.findtext("DETAILID").strip(), one.findtext("TRX_TAX").strip()) for one in nodes]
        cells[TAX_ENTRIES] = tax_cell(pairs)
    return cells


def extra_amounts(draft: Draft) -> Row:
    """Amounts of a detail whose names are not fields of its object."""
    return {name: text for name, text in draft.extra.items() if name in _DETAIL_EXTRAS}


def _values(draft: Draft) -> Row:
    return {name: text for name, text in draft.values.items() if name != "RECORDNO"}


def _filled(call: FunctionCall, values: Row, provider: str) -> Row:
    """A payment with the vendor's method, and with the provider's bank or the first one of its currency."""
    company = call.company
    vendors = company.table("VENDOR")
    (vendor,) = [vendors.get(number) or {} for number in vendors.find("VENDORID", values.get("VENDORID", ""))] or [{}]
    by_provider = [row for _, row in company.table("PROVIDERBANKACCOUNT").rows() if row.get("PROVIDERID") == provider]
    entity_of, here = posting_rules(company).entity_of, call.session.entity
    banks = [
        row
        for _, row in company.table("CHECKINGACCOUNT").rows()
        if row.get("STATUS") == "active" and row.get("CURRENCY", values["CURRENCY"]) == values["CURRENCY"]
        if not here or entity_of.get(row.get("LOCATIONID", ""), here) == here
    ]
    bank = next((row.get("BANKACCOUNTID", "") for row in (*by_provider, *banks)), "")
    blanks = {"PAYMENTMETHOD": vendor.get("PAYMETHODKEY") or "Printed Check", "FINANCIALENTITY": bank}
    return values | {name: text for name, text in blanks.items() if text and not values.get(name)}


def _waits(draft: Draft) -> bool:
    return draft.extra.get("ACTION", "").lower() == "draft"


def _day(call: FunctionCall, text: str) -> str:
    try:
        return text_of(sent_value(Kind.DATE, text, call.session.user.formatting))
    except RecordError:
        raise illegal("PAYMENTDATE", text) from None


DOCUMENTS = {name: DocumentVerbs(document_type) for name, document_type in DOCUMENT_TYPES.items()}
PAYMENTS = {name: PaymentVerbs(payment_type) for name, payment_type in PAYMENT_TYPES.items()}
