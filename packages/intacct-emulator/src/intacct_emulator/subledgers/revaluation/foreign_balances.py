"""Balances in a foreign currency on a day: open items of payables and receivables, and bank accounts.

A currency is foreign if it is not the base currency of the entity. The carrying amount of an open item is at the
rates of its document, less the amounts that payments relieved. That of a bank account is its balance in the ledger.
Advances and undeposited funds are not among them.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.company.company_facts import Overpayment
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.ledger.posting import ACCRUAL
from intacct_emulator.settings.cells import Row
from intacct_emulator.subledgers.cash.banking import BANKS
from intacct_emulator.subledgers.document_types import OVERPAYMENTS
from intacct_emulator.subledgers.payments.open_balances import OpenOnDay, open_documents
from intacct_emulator.subledgers.payments.open_items import control_of
from intacct_emulator.subledgers.payments.parts import CUSTOMER_RECEIPTS, VENDOR_PAYMENTS
from intacct_emulator.subledgers.vouchers import accrual_posting


@dataclass(slots=True)
class ForeignBalance:
    """The balance of one account in one entity and one foreign currency, debit positive."""

    entity: str
    account: str
    currency: str
    base: str
    """The entity's base currency."""
    bank: bool = False
    items: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    """The amounts that are converted one by one: in the currency, and carried in base currency."""


_Key = tuple[str, str, str]


def open_item_balances(call: FunctionCall, day: date) -> list[ForeignBalance]:
    """The open items of payables and receivables, by entity, control account and currency."""
    balance_of: dict[_Key, ForeignBalance] = {}
    for payment_type, sign in ((VENDOR_PAYMENTS, -1), (CUSTOMER_RECEIPTS, 1)):
        for open_document in open_documents(call, payment_type, day):
            currencies = (open_document.row.get("CURRENCY"), *(each.part.currency for each in open_document.taken_back))
            if any(currency != open_document.row.get("BASECURR") for currency in currencies):
                for (entity, account, currency, base), (trx_amount, carried) in _by_place(call, open_document).items():
                    if currency and base and currency != base and (trx_amount or carried):
                        key = (entity, account, currency)
                        balance = balance_of.setdefault(key, ForeignBalance(*key, base))
                        balance.items.append((trx_amount * sign, carried * sign))
    return [balance_of[key] for key in sorted(balance_of)]


def _by_place(call: FunctionCall, open_document: OpenOnDay) -> dict[tuple[str, str, str, str], tuple[Decimal, Decimal]]:
    """A document's open amounts by entity, control account, currency and base currency.

    There is one place, unless a payment that is reversed by now was posted before the document was changed.
    """
    entity, account = _control_account(call, open_document)
    usual_place = (entity, account, open_document.row.get("CURRENCY", ""), open_document.row.get("BASECURR", ""))
    amounts = {usual_place: (open_document.trx_amount, open_document.amount)}
    for each in open_document.taken_back:
        part = each.part
        place = (part.entity or entity, part.control or account, part.currency, part.base)
        trx_amount, amount_ = part.trx_amount * each.times, part.amount * each.times
        for where, side in ((usual_place, -1), (place, 1)):
            before = amounts.get(where, (ZERO, ZERO))
            amounts[where] = (before[0] + trx_amount * side, before[1] + amount_ * side)
    return amounts


def _control_account(call: FunctionCall, open_document: OpenOnDay) -> tuple[str, str]:
    if open_document.document_type is not OVERPAYMENTS:
        return control_of(call, open_document.document_type, open_document.row)
    rules = posting_rules(call.company)
    over = call.company.facts.overpayments.get(open_document.row["RECORDNO"]) or Overpayment()
    place = over.location
    if not place:
        lines = accrual_posting(call, CUSTOMER_RECEIPTS.object, open_document.row).lines
        place = next((line.location for line in lines if line.account == rules.receivables), "")
    return rules.entity_of.get(place, ""), rules.receivables


def bank_balances(call: FunctionCall, day: date) -> list[ForeignBalance]:
    """The ledger's balances of foreign bank accounts, in the accrual book.

    An account that a bank account in base currency uses too is left out: its foreign lines may be of either.
    """
    balance_of = {key: ForeignBalance(*key[:3], key[3], bank=True) for key in sorted(set(_foreign_banks(call)))}
    if not balance_of:
        return []
    rules, sums = posting_rules(call.company), dict[_Key, tuple[Decimal, Decimal]]()
    for _, row in call.company.table("GLDETAIL").rows():
        key = (rules.entity_of.get(row.get("LOCATIONID", ""), ""), row.get("ACCOUNTNO", ""), row.get("CURRENCY", ""))
        if row.get("BOOKID") == ACCRUAL and day_of(row, "BATCH_DATE") <= day:
            trx_amount, carried = sums.get(key, (ZERO, ZERO))
            sums[key] = (trx_amount + amount(row, "TRX_AMOUNT"), carried + amount(row, "AMOUNT"))
    for named, balance in balance_of.items():
        total = sums.get(named[:3], (ZERO, ZERO))
        if any(total):
            balance.items.append(total)
    return [one for one in balance_of.values() if one.items]


def _foreign_banks(call: FunctionCall) -> Iterator[tuple[str, str, str, str]]:
    """Entity, ledger account, currency and base currency of each foreign bank account."""
    rules = posting_rules(call.company)
    currencies: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in _banks(call):
        entity = rules.entity_of.get(row.get("LOCATIONID", ""), "")
        base = rules.base_currency.get(entity, "")
        currencies[entity, row.get("GLACCOUNTNO", "")].add(row.get("CURRENCY") or base)
    for (entity, account), currencies_of in currencies.items():
        base = rules.base_currency.get(entity, "")
        if account and base not in currencies_of:
            for currency in currencies_of:
                yield entity, account, currency, base


def _banks(call: FunctionCall) -> Iterator[Row]:
    for name in BANKS.objects:
        for _, row in call.company.table(name).rows():
            yield row
