"""Revaluation: journal entries that carry foreign-currency balances at the rate of a day.

Each entity gets one entry for its open items, dated on that day and reversed on the next, so that a later payment finds
the amounts of the documents. The other side is unrealised exchange gain and loss. An entry for its bank accounts
stays (see `Behaviour.bank_revaluation`). The entries are in the accrual book; a cash book has no open items.

A revaluation replaces an earlier one of the same day. No function of the gateway is documented for it: in Intacct it is
a report whose journal entry is entered from a page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from msgspec.structs import replace

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger import posting_function as function
from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.journals import journal as journals
from intacct_emulator.ledger.journals.reversals import mark_reversed
from intacct_emulator.ledger.ledger import books_of
from intacct_emulator.ledger.posting import ACCRUAL, Posting, PostingLine, Role, reverse
from intacct_emulator.ledger.posting_rows import Batch
from intacct_emulator.ledger.rates import listed_rate
from intacct_emulator.records.audit_fields import CREATED, record_change, set_audit_fields
from intacct_emulator.settings.cells import Row, date_text, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.revaluation.foreign_balances import (
    ForeignBalance,
    bank_balances,
    open_item_balances,
)

DEFAULT_JOURNAL = "GJ"


@dataclass(frozen=True, slots=True)
class RevaluedBalance:
    """A balance at the rate of a day. Amounts are debit positive, so that payables are negative."""

    entity: str
    account: str
    currency: str
    base: str
    """The entity's base currency."""
    trx_amount: Decimal
    """The balance in its currency."""
    carrying_amount: Decimal
    """In base currency, before the revaluation."""
    rate: Decimal
    value: Decimal
    """In base currency, at the rate; each open item is rounded on its own."""
    bank: bool = False

    @property
    def difference(self) -> Decimal:
        """The gain, or the loss below zero."""
        return self.value - self.carrying_amount


def revalue(
    call: FunctionCall, day: date, *, rate_type: str = "", journal: str = DEFAULT_JOURNAL
) -> tuple[RevaluedBalance, ...]:
    """Revalue every foreign balance at the latest rate of the type by that day, and post the differences."""
    banks = call.company.behaviour.bank_revaluation
    with call.company.store.together():
        _withdraw(call, day)
        balances = open_item_balances(call, day) + (bank_balances(call, day) if banks != "none" else [])
        if balances:
            _check_journal(call, journal)
        revalued = [_revalued(call, one, day, rate_type) for one in balances]
        entered: dict[str, str] = {}
        for entity in dict.fromkeys(one.entity for one in revalued):
            of_entity = [one for one in revalued if one.entity == entity]
            reversed_ones = [one for one in of_entity if not one.bank or banks == "reversed"]
            lasting = [one for one in of_entity if one.bank and banks == "kept"]
            entered |= _entered(call, reversed_ones, day, journal, reversing=True)
            entered |= _entered(call, lasting, day, journal, reversing=False)
        call.company.facts.revaluations.put(day.isoformat(), value=entered)
    return tuple(revalued)


def _check_journal(call: FunctionCall, symbol: str) -> None:
    journals = {row.get("SYMBOL", ""): row for _, row in call.company.table("GLJOURNAL").rows()}
    if symbol not in journals:
        fix = f"Use one of {', '.join(sorted(journals))}." if journals else "Add a journal to the company."
        raise refused(f"There is no journal '{symbol}' for the revaluation.", correction=fix)
    if ACCRUAL not in books_of(call.company, journals[symbol]):
        raise refused(
            f"Journal '{symbol}' does not post to the accrual book.", correction="Use a journal of the accrual book."
        )


def _withdraw(call: FunctionCall, day: date) -> None:
    """Delete the entries of an earlier revaluation of that day, with their reversals."""
    described = call.company.find("GLBATCH")
    for key in call.company.facts.revaluations.get(day.isoformat()) or {}:
        if call.company.table("GLBATCH").get(int(key)) is not None:
            journals.delete(call, described, int(key))


def _revalued(call: FunctionCall, balance: ForeignBalance, day: date, rate_type: str) -> RevaluedBalance:
    rate = listed_rate(call.company, balance.currency, balance.base, day, kind=rate_type)
    if rate is None:
        named = f" of the type '{rate_type}'" if rate_type else ""
        raise refused(
            f"There is no exchange rate{named} from {balance.currency} to {balance.base} for {day:%m/%d/%Y}.",
            correction="Enter a rate, or name another type.",
        )
    to_base = posting_rules(call.company).rounding.to_base
    return RevaluedBalance(
        balance.entity,
        balance.account,
        balance.currency,
        balance.base,
        sum((trx_amount for trx_amount, _ in balance.items), ZERO),
        sum((carried for _, carried in balance.items), ZERO),
        rate,
        sum((to_base(trx_amount, rate, balance.base) for trx_amount, _ in balance.items), ZERO),
        balance.bank,
    )


def _entered(
    call: FunctionCall, balances: Sequence[RevaluedBalance], day: date, journal: str, *, reversing: bool
) -> dict[str, str]:
    """Post the entry of one entity; gives its record number and the entity, or nothing if no amount moves."""
    posting = Posting(tuple(_difference_lines(call, balances, reversing=reversing)))
    if not posting.lines:
        return {}
    entity, title, next_day = balances[0].entity, f"Revaluation {day:%m/%d/%Y}", day + timedelta(days=1)
    header: Row = {"REVERSED": date_text(next_day)} if reversing else {}
    entry = _posted(call, posting, Batch(journal, day, title, entity=entity, header=header))
    if reversing:
        mirrored = Batch(
            journal, next_day, f"Reversed: {title}", entity=entity, header={"REVERSEDFROM": entry["RECORDNO"]}
        )
        mark_reversed(call.company, entry, _posted(call, reverse(posting), mirrored), now=call.now)
    return {entry["RECORDNO"]: entity}


def _difference_lines(
    call: FunctionCall, balances: Iterable[RevaluedBalance], *, reversing: bool
) -> Iterable[PostingLine]:
    """Two lines for each balance that changes: its account, and the gain or loss. No currency amount moves."""
    rules = posting_rules(call.company)
    other, role = (rules.unrealised, Role.UNREALISED) if reversing else (rules.exchange, Role.EXCHANGE)
    for balance in balances:
        if balance.difference:
            memo = f"{decimal_text(balance.trx_amount)} {balance.currency} at {decimal_text(balance.rate)}"
            yield PostingLine(balance.account, balance.entity, balance.difference, ZERO, balance.currency, memo=memo)
            yield PostingLine(other, balance.entity, -balance.difference, ZERO, balance.currency, memo=memo, role=role)


def _posted(call: FunctionCall, posting: Posting, batch: Batch) -> Row:
    described = call.company.find("GLBATCH")
    audit: Row = {}
    set_audit_fields(call, described, audit, new=True)
    header = function.post(call.company, posting, replace(batch, audit=audit, books=(ACCRUAL,)))
    record_change(call, described, header, CREATED)
    return header
