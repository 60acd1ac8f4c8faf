"""The ledger's balances in a copy, against the gateway's own trial balance.

Debits and credits of each account and location, those of adjusting entries apart, as exact decimals. Over all days that
takes one call a book. If a balance differs, the trial balances of all months show the periods.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.virtual.balances import SPANS_PER_REQUEST, date_element
from intacct_bridge.reconcile.ledger_copy import Amounts, BalanceKey, LedgerCopy
from intacct_protocol.diagnosis import as_error
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.query.query import Compare, Op, Query
from intacct_protocol.xml.envelope import SUCCESS, Result
from intacct_protocol.xml.values import Kind, parse_value
from intacct_protocol.xml.xml import Element, element

LAST_DAY = date(2199, 12, 31)
_SIDES = {
    "debits": "debits",
    "credits": "credits",
    "adjusting_debits": "adjusting debits",
    "adjusting_credits": "adjusting credits",
}
"""The amounts of an account, by the words for them."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days from one to another, both included; None is an open end."""

    name: str
    first: date | None
    last: date | None


ALL_TIME = Period("all time", None, None)


@dataclass(frozen=True, slots=True)
class BalanceDifference:
    """One account in one period whose balances differ."""

    period: str
    place: BalanceKey
    ledger: Amounts
    copy: Amounts

    @property
    def amount(self) -> Decimal:
        """How much more the copy has than the ledger, debits positive."""
        return self.copy.balance - self.ledger.balance

    @property
    def sides(self) -> Iterator[tuple[str, Decimal, Decimal]]:
        """The sides of the account that differ, each with the amount of the ledger and that of the copy."""
        for side, name in _SIDES.items():
            ledger, copy = getattr(self.ledger, side), getattr(self.copy, side)
            if ledger != copy:
                yield name, ledger, copy

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "period": self.period,
            "account": self.place.account,
            "location": self.place.location,
            "book": self.place.book,
            "currency": self.place.currency,
            "sides": [
                {"side": name, "ledger": ledger, "copy": copy, "difference": copy - ledger}
                for name, ledger, copy in self.sides
            ],
        }


@dataclass(frozen=True, slots=True)
class LedgerComparison:
    """The balances that were compared, and those that differ."""

    periods: tuple[Period, ...]
    places: int
    """The number of balances compared, in all periods."""
    totals: Mapping[tuple[str, str], Amounts]
    """The money in the copy in these periods, by book and currency."""
    differences: tuple[BalanceDifference, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether there is no difference, to the last digit."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "equal": self.equal,
            "periods": [period.name for period in self.periods],
            "compared": self.places,
            "totals": [
                {
                    "book": book,
                    "currency": currency,
                    "debits": amounts.debits + amounts.adjusting_debits,
                    "credits": amounts.credits + amounts.adjusting_credits,
                }
                for (book, currency), amounts in self.totals.items()
            ],
            "differences": [difference.to_dict() for difference in self.differences],
        }


def compare_ledger(gateway: ReadGateway, copy: LedgerCopy, period: Period = ALL_TIME) -> LedgerComparison:
    """Compare the copy with the ledger over all its days, or in one period.

    If a balance over all days differs, all months are compared.
    """
    comparison = _compared(gateway, copy, (period,))
    return comparison if comparison.equal or period != ALL_TIME else _compared(gateway, copy, _months(copy))


def _compared(gateway: ReadGateway, copy: LedgerCopy, periods: tuple[Period, ...]) -> LedgerComparison:
    differences: list[BalanceDifference] = []
    places = 0
    totals: dict[tuple[str, str], Amounts] = {}
    for book in copy.books() or ["ACCRUAL"]:
        for period, ledger in _ledger_amounts(gateway, book, periods):
            copied = {key: sums for key, sums in copy.sums(period.first, period.last).items() if key.book == book}
            keys = sorted({*ledger, *copied}, key=lambda key: (key.account, key.location, key.currency))
            places += len(keys)
            differences += [
                BalanceDifference(period.name, key, ledger.get(key, Amounts()), copied.get(key, Amounts()))
                for key in keys
                if ledger.get(key, Amounts()) != copied.get(key, Amounts())
            ]
        sums = copy.totals(book, periods[0].first, periods[-1].last)
        totals |= {(book, currency): amounts for currency, amounts in sums.items()}
    return LedgerComparison(periods, places, totals, tuple(differences))


# --- periods


def _months(copy: LedgerCopy) -> tuple[Period, ...]:
    """The months of the copy, the time before them and the time after."""
    days = copy.days()
    if days is None:
        return (ALL_TIME,)
    first, last = days[0].replace(day=1), _month_end(days[1])
    months = []
    day = first
    while day <= last:
        months.append(Period(f"{day:%B %Y}", day, _month_end(day)))
        day = _month_end(day) + timedelta(days=1)
    before = Period(f"before {months[0].name}", None, first - timedelta(days=1))
    return (before, *months, Period(f"after {months[-1].name}", last + timedelta(days=1), None))


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def named_period(gateway: ReadGateway, name: str) -> Period:
    """A month written as 2026-11, or a reporting period of the company by its name.

    InvalidRequestError for an unknown one.
    """
    try:
        first = date.fromisoformat(f"{name}-01")
    except ValueError:
        pass
    else:
        return Period(name, first, _month_end(first))
    query = Query("REPORTINGPERIOD", ("NAME", "START_DATE", "END_DATE"), Compare("NAME", Op.EQUALTO, (name,)))
    for row in gateway.query(query):
        begin, end = row["START_DATE"], row["END_DATE"]
        assert isinstance(begin, date)
        assert isinstance(end, date)
        return Period(name, begin, end)
    raise InvalidRequestError(
        f"there is no reporting period {name!r}",
        fix="write a month like 2026-11, or list the names with: intacct query REPORTINGPERIOD --select NAME",
    )


# --- the ledger's side


def _ledger_amounts(
    gateway: ReadGateway, book: str, periods: Sequence[Period]
) -> Iterator[tuple[Period, Mapping[BalanceKey, Amounts]]]:
    """Each period with the ledger's amounts. The time before the first month is its opening balance."""
    requested = [period for period in periods if period.first is not None or period.last is None]
    opening = [period for period in periods if period not in requested]
    for batch in batched(requested, SPANS_PER_REQUEST):
        answers = gateway.call(*(_trial_balance(book, period) for period in batch), read=True)
        for period, answer in zip(batch, answers, strict=True):
            if answer.status != SUCCESS:
                raise as_error(answer.faults, function="get_trialbalance")
            if opening:
                yield opening.pop(), _read(answer, book, opened=True)
            yield period, _read(answer, book, opened=False)


def _trial_balance(book: str, period: Period) -> Element:
    """Shape: *List Trial Balances*, Sage's reference."""
    return element(
        "get_trialbalance",
        date_element("startdate", period.first or date(1970, 1, 1)),
        date_element("enddate", period.last or LAST_DAY),
        element("showlocdetail", "true"),
        element("reportingbook", book),
        element("statistical", "include"),
    )


def _read(answer: Result, book: str, *, opened: bool) -> dict[BalanceKey, Amounts]:
    """The amounts of one trial balance: those posted in its days, or with `opened` its opening balances."""
    balances: dict[BalanceKey, Amounts] = {}
    for row in answer.data or ():
        at = BalanceKey(book, row.findtext("glaccountno"), row.findtext("locationid"), row.findtext("currency"))
        if opened:
            balance = _amount(row, "startbalance")
            amounts = Amounts(max(balance, Decimal(0)), max(-balance, Decimal(0)))
        else:
            amounts = Amounts(*(_amount(row, name) for name in ("debits", "credits", "adjdebits", "adjcredits")))
        if amounts != Amounts():
            balances[at] = balances.get(at, Amounts()) + amounts
    return balances


def _amount(row: Element, name: str) -> Decimal:
    amount = parse_value(Kind.DECIMAL, row.findtext(name))
    return amount if isinstance(amount, Decimal) else Decimal(0)
