"""Discounts for early payment: the discount that the terms of a document allow on a day, and its account.

The terms allow a percentage of the document, or an amount, for some days after its date. Terms that count from the end
of a month allow no discount here, since no source says how a payment counts them.
"""

from datetime import timedelta
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.document_types import DocumentType
from intacct_emulator.subledgers.documents.rows import term_of
from intacct_emulator.subledgers.documents.terms import term_day


def discount_of(
    call: FunctionCall, document_type: DocumentType, document: Row, detail: Row, *, requested: Decimal, most: Decimal
) -> Decimal:
    """The discount of one detail: the one that it gives, else the one that the terms allow on its DISCOUNTDATE."""
    discount = requested or _allowed(call, document_type, document, detail)
    if discount < 0 or (requested and discount > most):
        raise refused(
            f"The discount {discount} exceeds the amount due {most}.",
            correction="Take a smaller discount.",
            field="TRX_TOTALDISCOUNTTOAPPLY",
        )
    return min(discount, max(most, ZERO))


def _allowed(call: FunctionCall, document_type: DocumentType, document: Row, detail: Row) -> Decimal:
    if not detail.get("DISCOUNTDATE"):
        return ZERO
    term = term_of(call, document_type, document)
    if not term:
        return ZERO
    last = term_day(day_of(document, "WHENCREATED"), int(term.get("DISCDATE") or 0), term.get("DISCFROM", ""))
    if day_of(detail, "DISCOUNTDATE") > last + timedelta(days=int(term.get("DISCFUDGEDAYS") or 0)):
        return ZERO
    rate = Decimal(term.get("DISCAMOUNT") or 0)
    if term.get("DISCPERCAMN") == "$":
        return rate
    share = amount(document, "TRX_TOTALENTERED") * rate / 100
    return posting_rules(call.company).rounding.round(share, document.get("CURRENCY", ""))


def discount_account(call: FunctionCall, document_type: DocumentType) -> str:
    """The account of discounts taken from vendors, or given to customers."""
    role = "discount_taken" if document_type.payable else "discount_given"
    account = call.company.facts.posting_accounts.get(role) or ""
    if not account:
        raise refused(
            "The company has no account for discounts.",
            correction="Leave the discount out.",
            field="TRX_TOTALDISCOUNTTOAPPLY",
        )
    return account
