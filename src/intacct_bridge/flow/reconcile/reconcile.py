"""Proof that a copy equals the ledger, or the records by which it differs.

The gateway's trial balance, by month and location, is compared with the same sums of the copy's GLDETAIL: exact
decimals, debits and credits apart. Where all agree, the proof costs one call a month. Where they differ, the rows of
that account and those days are read again and matched one by one: missing, surplus, doubled or altered.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.diagnosis import as_error
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.reconcile.ledger_copy import LEDGER, Amounts, BalanceKey, LedgerCopy, LedgerLine
from intacct_bridge.flow.streams.virtual.balances import SPANS_PER_REQUEST, date_element
from intacct_bridge.model.batched import batched
from intacct_bridge.model.query.query import Compare, Filter, Op, Query, all_of
from intacct_bridge.wire.envelope import SUCCESS, Result
from intacct_bridge.wire.values import Kind, parse_value
from intacct_bridge.wire.xml import Element, element

MOST_EXPLAINED = 25
"""Accounts and periods whose records are matched; a copy with more differences is out of date rather than wrong."""
LAST_DAY = date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Period:
    """Days from one to another, both included; None is an open end."""

    name: str
    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class RecordDifference:
    """One record by which the copy differs from the ledger."""

    kind: str
    """`missing` in the copy, `surplus` or `doubled` in the copy, or `altered`."""
    record: str
    batch: int
    day: date
    ledger: Decimal | None
    """The amount, debits positive; None where only the copy has the record."""
    copy: Decimal | None
    what: str = ""
    """The altered fields besides the amount."""


@dataclass(frozen=True, slots=True)
class BalanceDifference:
    """One account in one period whose balances differ."""

    period: str
    place: BalanceKey
    ledger: Amounts
    copy: Amounts
    records: tuple[RecordDifference, ...] | None = ()
    """None where the records were not matched."""

    @property
    def amount(self) -> Decimal:
        """How much more the copy has than the ledger, debits positive."""
        return self.copy.balance - self.ledger.balance


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The result: the balances that were compared, and those that differ."""

    periods: tuple[Period, ...]
    places: int
    """The number of balances compared, in all periods."""
    totals: Mapping[tuple[str, str], Amounts]
    """The money in the copy in these periods, by book and currency."""
    differences: tuple[BalanceDifference, ...]
    transactions: int

    @property
    def ties(self) -> bool:
        """Whether there is no difference, to the last digit."""
        return not self.differences


def reconcile(gateway: ReadGateway, copy: LedgerCopy, period: str = "") -> Reconciliation:
    """Compare the copy with the ledger, in all its months or in one period (a name in Intacct, or 2026-11).

    InvalidRequestError for an unknown period.
    """
    before = gateway.meter.transactions
    periods = (_named(gateway, period),) if period else _months(copy)
    differences: list[BalanceDifference] = []
    places = 0
    totals: dict[tuple[str, str], Amounts] = {}
    for book in copy.books() or ["ACCRUAL"]:
        for one, ledger in _ledger_amounts(gateway, book, periods):
            copied = {key: sums for key, sums in copy.sums(one.first, one.last).items() if key.book == book}
            keys = sorted({*ledger, *copied}, key=lambda key: (key.account, key.location, key.currency))
            places += len(keys)
            differences += [
                BalanceDifference(one.name, key, ledger.get(key, Amounts()), copied.get(key, Amounts()))
                for key in keys
                if ledger.get(key, Amounts()) != copied.get(key, Amounts())
            ]
        sums = copy.totals(book, periods[0].first, periods[-1].last)
        totals |= {(book, currency): amounts for currency, amounts in sums.items()}
    by_name = {one.name: one for one in periods}
    explained = tuple(_explained(gateway, copy, by_name, differences))
    return Reconciliation(periods, places, totals, explained, gateway.meter.transactions - before)


# --- periods


def _months(copy: LedgerCopy) -> tuple[Period, ...]:
    """The months of the copy, the time before them and the time after."""
    days = copy.days()
    if days is None:
        return (Period("all time", None, None),)
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


def _named(gateway: ReadGateway, name: str) -> Period:
    """A month written as 2026-11, or a reporting period of the company by its name."""
    try:
        first = date.fromisoformat(f"{name}-01")
    except ValueError:
        pass
    else:
        return Period(name, first, _month_end(first))
    wanted = Query("REPORTINGPERIOD", ("NAME", "START_DATE", "END_DATE"), Compare("NAME", Op.EQUALTO, (name,)))
    for row in gateway.query(wanted):
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
    requested = [one for one in periods if one.first is not None or one.last is None]
    opening = [one for one in periods if one not in requested]
    for some in batched(requested, SPANS_PER_REQUEST):
        answers = gateway.call(*(_trial_balance(book, one) for one in some), read=True)
        for one, answer in zip(some, answers, strict=True):
            if answer.status != SUCCESS:
                raise as_error(answer.faults, function="get_trialbalance")
            if opening:
                yield opening.pop(), _read(answer, book, opened=True)
            yield one, _read(answer, book, opened=False)


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
    found: dict[BalanceKey, Amounts] = {}
    for row in answer.data or ():
        at = BalanceKey(book, row.findtext("glaccountno"), row.findtext("locationid"), row.findtext("currency"))
        if opened:
            balance = _amount(row, "startbalance")
            amounts = Amounts(max(balance, Decimal(0)), max(-balance, Decimal(0)))
        else:
            amounts = Amounts(*(_amount(row, name) for name in ("debits", "credits", "adjdebits", "adjcredits")))
        if amounts != Amounts():
            found[at] = found.get(at, Amounts()) + amounts
    return found


def _amount(row: Element, name: str) -> Decimal:
    found = parse_value(Kind.DECIMAL, row.findtext(name))
    return found if isinstance(found, Decimal) else Decimal(0)


# --- the records behind a difference


def _explained(
    gateway: ReadGateway, copy: LedgerCopy, periods: Mapping[str, Period], differences: Sequence[BalanceDifference]
) -> Iterator[BalanceDifference]:
    """The differences with their records, read again account by account."""
    known: dict[tuple[str, str, str], list[tuple[RecordDifference, frozenset[BalanceKey]]]] = {}
    for one in differences:
        at = (one.period, one.place.book, one.place.account)
        if at not in known and len(known) < MOST_EXPLAINED:
            known[at] = list(_records(gateway, copy, periods[one.period], one.place))
        records = known.get(at)
        here = None if records is None else tuple(found for found, places in records if one.place in places)
        yield BalanceDifference(one.period, one.place, one.ledger, one.copy, here)


def _records(
    gateway: ReadGateway, copy: LedgerCopy, period: Period, place: BalanceKey
) -> Iterator[tuple[RecordDifference, frozenset[BalanceKey]]]:
    copied, posted = defaultdict(list), defaultdict(list)
    for line in copy.lines(place.book, place.account, period.first, period.last):
        copied[line.key].append(line)
    for line in _lines(gateway, period, place):
        posted[line.key].append(line)
    for key in sorted({*copied, *posted}):
        for found in _matched(posted[key], copied[key]):
            yield found, frozenset(line.place for line in (*posted[key], *copied[key]))


def _lines(gateway: ReadGateway, period: Period, place: BalanceKey) -> Iterator[LedgerLine]:
    """The ledger's rows of one account in one period."""
    where: list[Filter] = [
        Compare("BOOKID", Op.EQUALTO, (place.book,)),
        Compare("ACCOUNTNO", Op.EQUALTO, (place.account,)),
    ]
    if period.first:
        where.append(Compare("BATCH_DATE", Op.GREATERTHANOREQUALTO, (period.first,)))
    if period.last:
        where.append(Compare("BATCH_DATE", Op.LESSTHANOREQUALTO, (period.last,)))
    select = ("RECORDNO", "BATCHKEY", "BATCH_DATE", "LOCATIONID", "BASECURR", "ADJ", "DEBITAMOUNT", "CREDITAMOUNT")
    for row in gateway.query(Query(LEDGER, select, all_of(where), show_private=True)):
        currency = str(row.get("BASECURR") or "")
        day, batch = row["BATCH_DATE"], row["BATCHKEY"]
        assert isinstance(day, date)
        yield LedgerLine(
            int(str(batch)),
            str(row["RECORDNO"]),
            day,
            BalanceKey(place.book, place.account, str(row.get("LOCATIONID") or ""), currency),
            bool(row.get("ADJ")),
            Decimal(str(row.get("DEBITAMOUNT") or 0)),
            Decimal(str(row.get("CREDITAMOUNT") or 0)),
        )


def _matched(ledger: Iterable[LedgerLine], copy: Iterable[LedgerLine]) -> Iterator[RecordDifference]:
    """The differences between the rows of one key, without those that are equal."""
    posted, copied = Counter(ledger), Counter(copy)
    same = posted & copied
    missing, extra = list((posted - same).elements()), list((copied - same).elements())
    for one, other in zip(missing, extra, strict=False):
        yield _difference("altered", one, other)
    for one in missing[len(extra) :]:
        yield _difference("missing", one, None)
    for other in extra[len(missing) :]:
        yield _difference("doubled" if other in same else "surplus", None, other)


def _difference(kind: str, ledger: LedgerLine | None, copy: LedgerLine | None) -> RecordDifference:
    known = ledger or copy
    assert known is not None
    changed = []
    if ledger and copy:
        pairs = {
            "BATCH_DATE": (ledger.day, copy.day),
            "LOCATIONID": (ledger.place.location, copy.place.location),
            "ADJ": (ledger.adjusting, copy.adjusting),
        }
        changed = [name for name, (one, other) in pairs.items() if one != other]
    one, other = (line.debit - line.credit if line else None for line in (ledger, copy))
    return RecordDifference(kind, known.record, known.batch, known.day, one, other, ", ".join(changed))
