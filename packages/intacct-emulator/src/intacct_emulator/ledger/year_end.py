"""The end of a fiscal year in balances: accounts that close begin a year at zero, and another takes their balance.

A closing account (`CLOSINGTYPE`) names the account that it closes to. Nothing is posted for it: a balance that begins
in a year leaves out the years before, and retained earnings have them instead. Each entity has its own fiscal year. A
year that ends inside of the span of a balance is not closed there, so that opening, debits and credits add up to the
end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from intacct_emulator.ledger.ledger import AccountSum, Ledger, PostingFilter
from intacct_emulator.ledger.posting import PostingRules

_Key = tuple[str, str, tuple[str, ...]]


def fiscal_start(day: date, month: int) -> date:
    """The first day of the fiscal year of a day, for fiscal years that begin in that month."""
    year = day.year if day.month >= month else day.year - 1
    return date(year, month, 1)


def year_closed(
    ledger: Ledger, sums: Sequence[AccountSum], selection: PostingFilter, by: tuple[str, ...], rules: PostingRules
) -> list[AccountSum]:
    """The sums with the years before their span closed, in the order of the accounts."""
    sum_of: dict[_Key, AccountSum] = {
        (account_sum.account, account_sum.currency, account_sum.parts): account_sum for account_sum in sums
    }
    for before, part in _parts(selection, rules):
        earlier = replace(selection, since=None, until=before - timedelta(days=1), accounts=None, locations=part)
        for account_sum in ledger.sums(earlier, by):
            target = rules.closes_to.get(account_sum.account)
            if target:
                _add(
                    sum_of,
                    selection,
                    (account_sum.account, account_sum.currency, account_sum.parts),
                    -account_sum.closing,
                )
                _add(sum_of, selection, (target, account_sum.currency, account_sum.parts), account_sum.closing)
    return [sum_of[key] for key in sorted(sum_of)]


def _parts(selection: PostingFilter, rules: PostingRules) -> Iterator[tuple[date, tuple[str, ...]]]:
    """The first days of the fiscal years that the span begins in, each with its locations."""
    assert selection.since is not None
    locations: dict[date, list[str]] = {}
    for location in selection.locations or rules.entity_of:
        month = rules.fiscal_month.get(rules.entity_of.get(location, ""), 1)
        locations.setdefault(fiscal_start(selection.since, month), []).append(location)
    for before, part in locations.items():
        yield before, tuple(part)


def _add(sum_of: dict[_Key, AccountSum], selection: PostingFilter, key: _Key, change: Decimal) -> None:
    account = key[0]
    if selection.accounts is not None and not selection.accounts[0] <= account <= selection.accounts[1]:
        return
    zero = Decimal(0)
    there = sum_of.get(key) or AccountSum(*key, zero, zero, zero, zero, zero)
    sum_of[key] = replace(there, opening=there.opening + change)
