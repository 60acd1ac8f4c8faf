"""The trial balance and the account balances, month by month.

`get_trialbalance` and `get_accountbalancesbydimensions` answer for one span of days; a span is one transaction, twelve
go into one request. Unless days or a period are named, the months are all those from the first journal entry to the
last or to today. Balances stand still while no journal entry is entered, edited or deleted, so a later run first asks
the ledger whether any was, and reads the months again only then: an edit may have moved an entry from any of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.calls import successful
from intacct_bridge.errors import InvalidRequestError, NotPermittedError
from intacct_bridge.flow.streams.names import VirtualStream
from intacct_bridge.flow.streams.times import filter_time
from intacct_bridge.flow.streams.virtual.reader import FeedPage, Row
from intacct_bridge.model.batched import batched
from intacct_bridge.model.query.query import Aggregate, Compare, Filter, Op, Query, any_of
from intacct_bridge.wire.values import DEFAULT, Kind
from intacct_bridge.wire.xml import Element, element

TOGETHER = 12
"""Spans asked for in one request."""
MOST_MONTHS = 600
AMOUNTS = ("startbalance", "debits", "credits", "adjdebits", "adjcredits", "endbalance")


@dataclass(frozen=True, slots=True)
class BalanceSpan:
    """Days, both included, or a reporting period of the company."""

    first: date | None = None
    last: date | None = None
    period: str = ""

    def elements(self) -> tuple[Element, ...]:
        """The span as both functions want it; dates in parts without leading zeros."""
        if self.period:
            return (element("reportingperiodname", self.period),)
        assert self.first is not None and self.last is not None
        return _day("startdate", self.first), _day("enddate", self.last)

    @property
    def cells(self) -> dict[str, str | None]:
        """The columns by which rows of different spans are told apart."""
        days = (None if day is None else f"{day:%m/%d/%Y}" for day in (self.first, self.last))
        return {"period": self.period or None, **dict(zip(("from_date", "to_date"), days, strict=True))}


class BalancesReader:
    """Both functions; they differ in what they may be broken down by."""

    open_ended = True
    certain = False

    def fields(self, client: Client, feed: VirtualStream) -> Mapping[str, Kind]:  # noqa: ARG002
        """A span's columns, what accounts are broken down by, and the amounts."""
        by = {f"{name}id": Kind.TEXT for name in _broken_down_by(feed)}
        spans = {"period": Kind.TEXT, "from_date": Kind.DATE, "to_date": Kind.DATE}
        amounts = dict.fromkeys(AMOUNTS, Kind.DECIMAL)
        return spans | {"glaccountno": Kind.TEXT} | by | amounts | {"reportingbook": Kind.TEXT, "currency": Kind.TEXT}

    def identity(self, feed: VirtualStream) -> tuple[str, ...]:
        """One row an account, book and currency in each span, or one for each thing it is broken down by."""
        by = (f"{name}id" for name in _broken_down_by(feed))
        return ("period", "from_date", "to_date", "glaccountno", *by, "reportingbook", "currency")

    def unchanged(self, client: Client, feed: VirtualStream, since: str) -> bool:
        """Whether no journal entry was touched since and none deleted; False where the user may not see that."""
        if not feed.get("to") and not feed.get("period") and since[:2] != f"{client.company_time:%m}":
            return False  # a month may have begun
        reads_as = client.runtime.calibration.reading_of(client.formatting.offset_minutes)
        text = filter_time(since, client.formatting.offset_minutes, reads_as)
        touched = any_of(tuple(Compare(name, Op.GREATERTHANOREQUALTO, (text,)) for name in _TOUCHED))
        gone = (Compare("ACCESSMODE", Op.EQUALTO, ("D",)), Compare("ACCESSTIME", Op.GREATERTHANOREQUALTO, (text,)))
        try:
            return not _any(client, "GLBATCH", "RECORDNO", touched) and not _any(client, "AUDITHISTORY", "ID", *gone)
        except (NotPermittedError, InvalidRequestError):
            return False

    def price(self, client: Client, feed: VirtualStream) -> int | None:
        """One a span, and one to find the days of the ledger where they are not given."""
        given = feed.get("period") or (feed.get("from") and feed.get("to"))
        return len(_spans(client, feed)) + (0 if given else 1)

    def pages(self, client: Client, feed: VirtualStream) -> Iterator[FeedPage]:
        """A page a span."""
        for some in batched(_spans(client, feed), TOGETHER):
            answers = client.call(*(_body(feed, one) for one in some), read=True)
            for one, answer in zip(some, answers, strict=True):
                data = successful(answer).data
                yield FeedPage([{**one.cells, **_cells(row)} for row in data or ()], 0, DEFAULT)


_TOUCHED = ("WHENMODIFIED", "WHENCREATED")


def _any(client: Client, name: str, key: str, *where: Filter) -> bool:
    from intacct_bridge.model.query.query import all_of

    query = Query(name, (key,), where=all_of(where), page_size=1, show_private=not client.connection.location_id)
    return bool(client.page(query).rows)


def _cells(row: Element) -> Row:
    return {child.tag: child.text or None for child in row}


def _broken_down_by(feed: VirtualStream) -> tuple[str, ...]:
    names = tuple(name.strip().lower().removesuffix("id") for name in feed.get("by").split(",") if name.strip())
    if feed.reader == "trial_balance":
        for name in names:
            if name not in ("department", "location"):
                raise InvalidRequestError(
                    f"a trial balance is broken down by department and location, not by {name}",
                    fix=f"account_balances?by={name} can be.",
                )
    return names


def _body(feed: VirtualStream, span: BalanceSpan) -> Element:
    """Shapes: *List Trial Balances* and *List Account Balances by Dimensions*, in the order of Sage's reference."""
    by = _broken_down_by(feed)
    book = [element("reportingbook", feed.get("book"))] if feed.get("book") else []
    accounts = feed.choice("statistical", "include", "only")
    statistical = [element("statistical", accounts)] if accounts else []
    if feed.reader == "account_balances":
        account = [element("glaccountno", feed.get("account"))] if feed.get("account") else []
        grouped = [element("groupby", ",".join(f"{name.upper()}ID" for name in by))] if by else []
        parts = (*span.elements(), *account, *book, *statistical, *grouped)
        return Element("get_accountbalancesbydimensions", children=parts)
    wanted = (("showzerobalances", feed.flag("zeros")), ("showdeptdetail", "department" in by))
    flags = [element(name, "true") for name, on in (*wanted, ("showlocdetail", "location" in by)) if on]
    return Element("get_trialbalance", children=(*span.elements(), *flags, *book, *statistical))


def _day(tag: str, day: date) -> Element:
    parts = (("year", day.year), ("month", day.month), ("day", day.day))
    return element(tag, *(element(name, str(number)) for name, number in parts))


def _spans(client: Client, feed: VirtualStream) -> list[BalanceSpan]:
    """The spans to read: a named period, the days given as a whole, or the months among them."""
    if feed.get("period"):
        return [BalanceSpan(period=name.strip()) for name in feed.get("period").split(",") if name.strip()]
    first, last = feed.day("from"), feed.day("to")
    if first is None or last is None:
        known = _ledger_days(client)
        first, last = first or known[0], last or known[1]
    if first > last:
        raise InvalidRequestError(f"{feed.reader}: from {first} is after to {last}")
    if feed.flag("whole"):
        return [BalanceSpan(first, last)]
    months = list(_months(first, last))
    if len(months) > MOST_MONTHS:
        raise InvalidRequestError(
            f"{feed.reader}: {first} to {last} are {len(months)} months, and each is an API transaction",
            fix=f"Name the days: {feed.reader}?from=2026-01-01&to=2026-12-31",
        )
    return months


def _ledger_days(client: Client) -> tuple[date, date]:
    """The first day of the ledger, and its last or today."""
    today = client.company_time.date()
    days = tuple(Aggregate(function, "BATCH_DATE") for function in ("min", "max"))
    query = Query("GLBATCH", days, show_private=not client.connection.location_id)
    row = next(iter(client.query(query)), {})
    first, last = (value for value in (*row.values(), None, None)[:2])
    return first if isinstance(first, date) else today, max(last, today) if isinstance(last, date) else today


def _months(first: date, last: date) -> Iterator[BalanceSpan]:
    while first <= last:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield BalanceSpan(first, min(following - timedelta(days=1), last))
        first = following
