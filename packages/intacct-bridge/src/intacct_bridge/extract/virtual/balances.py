"""The trial balance and the account balances, month by month.

`get_trialbalance` and `get_accountbalancesbydimensions` answer for one span of days. A span is one transaction; twelve
go into one request. Unless days or a period are given, the months are all those from the first journal entry to the
last, or to today. Balances change only when a journal entry is entered, edited or deleted. So a later run first asks
the ledger whether that happened, and then reads all months again: an edit may have moved an entry from any of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from intacct_bridge.client.gateway.calls import successful
from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.virtual.reader import Row, VirtualPage
from intacct_bridge.streams.names import VirtualStream
from intacct_bridge.streams.times import filter_time
from intacct_protocol.errors import InvalidRequestError, NotPermittedError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.query.query import Aggregate, Compare, Filter, Op, Query, all_of, any_of
from intacct_protocol.xml.values import DEFAULT, Kind
from intacct_protocol.xml.xml import Element, element

SPANS_PER_REQUEST = 12
MOST_MONTHS = 600
AMOUNTS = ("startbalance", "debits", "credits", "adjdebits", "adjcredits", "endbalance")


@dataclass(frozen=True, slots=True)
class BalanceSpan:
    """Days, both included, or a reporting period of the company."""

    first: date | None = None
    last: date | None = None
    period: str = ""

    def elements(self) -> tuple[Element, ...]:
        """The span as both functions take it."""
        if self.period:
            return (element("reportingperiodname", self.period),)
        assert self.first is not None and self.last is not None
        return date_element("startdate", self.first), date_element("enddate", self.last)

    @property
    def cells(self) -> dict[str, str | None]:
        """The columns that tell rows of different spans apart."""
        days = (None if day is None else f"{day:%m/%d/%Y}" for day in (self.first, self.last))
        return {"period": self.period or None, **dict(zip(("from_date", "to_date"), days, strict=True))}


class BalancesReader:
    """Reads balances with either function; they differ in the dimensions by which they break balances down."""

    open_ended = True
    certain = False

    def fields(self, gateway: ReadGateway, virtual: VirtualStream) -> Mapping[str, Kind]:  # noqa: ARG002
        """The columns of the span, of the account and its dimensions, and of the amounts."""
        by = {f"{name}id": Kind.TEXT for name in _broken_down_by(virtual)}
        spans = {"period": Kind.TEXT, "from_date": Kind.DATE, "to_date": Kind.DATE}
        amounts = dict.fromkeys(AMOUNTS, Kind.DECIMAL)
        return spans | {"glaccountno": Kind.TEXT} | by | amounts | {"reportingbook": Kind.TEXT, "currency": Kind.TEXT}

    def identity(self, virtual: VirtualStream) -> tuple[str, ...]:
        """One row for each span, account, book and currency, and for each value of the requested dimensions."""
        by = (f"{name}id" for name in _broken_down_by(virtual))
        return ("period", "from_date", "to_date", "glaccountno", *by, "reportingbook", "currency")

    def unchanged(self, gateway: ReadGateway, virtual: VirtualStream, since: str) -> bool:
        """Whether no journal entry was entered, edited or deleted since; False if the user may not see that."""
        if not virtual.get("to") and not virtual.get("period") and since[:2] != f"{gateway.company_time:%m}":
            return False  # a month may have begun
        reads_as = gateway.calibration.reading_of(gateway.formatting.offset_minutes)
        text = filter_time(since, gateway.formatting.offset_minutes, reads_as)
        since_then = (Compare(name, Op.GREATERTHANOREQUALTO, (text,)) for name in _CHANGE_TIMES)
        without_time = all_of(tuple(Compare(name, Op.ISNULL) for name in _CHANGE_TIMES))  # it may be new
        changed = any_of((*since_then, without_time))
        deleted = (Compare("ACCESSMODE", Op.EQUALTO, ("D",)), Compare("ACCESSTIME", Op.GREATERTHANOREQUALTO, (text,)))
        try:
            return not (_any(gateway, "GLBATCH", "RECORDNO", changed) or _any(gateway, "AUDITHISTORY", "ID", *deleted))
        except (NotPermittedError, InvalidRequestError):
            return False

    def cost(self, gateway: ReadGateway, virtual: VirtualStream) -> int | None:
        """One for each span, and one to find the days of the ledger if they are not given."""
        has_days = virtual.get("period") or (virtual.get("from") and virtual.get("to"))
        return len(_spans(gateway, virtual)) + (0 if has_days else 1)

    def pages(self, gateway: ReadGateway, virtual: VirtualStream) -> Iterator[VirtualPage]:
        """A page for each span."""
        for batch in batched(_spans(gateway, virtual), SPANS_PER_REQUEST):
            answers = gateway.call(*(_body(virtual, span) for span in batch), read=True)
            for span, answer in zip(batch, answers, strict=True):
                data = successful(answer).data
                yield VirtualPage([{**span.cells, **_cells(row)} for row in data or ()], 0, DEFAULT)


_CHANGE_TIMES = ("WHENMODIFIED", "WHENCREATED")


def _any(gateway: ReadGateway, name: str, key: str, *where: Filter) -> bool:
    """Whether an object has a record that a filter keeps."""
    query = Query(name, (key,), where=all_of(where), page_size=1, show_private=not gateway.connection.location_id)
    return bool(gateway.page(query).rows)


def _cells(row: Element) -> Row:
    return {child.tag: child.text or None for child in row}


def _broken_down_by(virtual: VirtualStream) -> tuple[str, ...]:
    names = tuple(name.strip().lower().removesuffix("id") for name in virtual.get("by").split(",") if name.strip())
    if virtual.reader == "trial_balance":
        for name in names:
            if name not in ("department", "location"):
                raise InvalidRequestError(
                    f"a trial balance is broken down by department and location, not by {name}",
                    fix=f"account_balances?by={name} can be.",
                )
    return names


def _body(virtual: VirtualStream, span: BalanceSpan) -> Element:
    """Shapes: *List Trial Balances* and *List Account Balances by Dimensions*, in the order of Sage's reference."""
    by = _broken_down_by(virtual)
    book = [element("reportingbook", virtual.get("book"))] if virtual.get("book") else []
    accounts = virtual.choice("statistical", "include", "only")
    statistical = [element("statistical", accounts)] if accounts else []
    if virtual.reader == "account_balances":
        account = [element("glaccountno", virtual.get("account"))] if virtual.get("account") else []
        grouped = [element("groupby", ",".join(f"{name.upper()}ID" for name in by))] if by else []
        parts = (*span.elements(), *account, *book, *statistical, *grouped)
        return Element("get_accountbalancesbydimensions", children=parts)
    shown = (("showzerobalances", virtual.flag("zeros")), ("showdeptdetail", "department" in by))
    flags = [element(name, "true") for name, on in (*shown, ("showlocdetail", "location" in by)) if on]
    return Element("get_trialbalance", children=(*span.elements(), *flags, *book, *statistical))


def date_element(tag: str, day: date) -> Element:
    """A date as the balance functions take it: in parts without leading zeros."""
    parts = (("year", day.year), ("month", day.month), ("day", day.day))
    return element(tag, *(element(name, str(number)) for name, number in parts))


def _spans(gateway: ReadGateway, virtual: VirtualStream) -> list[BalanceSpan]:
    """The spans to read: the given periods, or the months of the given days, or these days as one span."""
    if virtual.get("period"):
        return [BalanceSpan(period=name.strip()) for name in virtual.get("period").split(",") if name.strip()]
    first, last = virtual.day("from"), virtual.day("to")
    if first is None or last is None:
        days = _ledger_days(gateway)
        first, last = first or days[0], last or days[1]
    if first > last:
        raise InvalidRequestError(f"{virtual.reader}: from {first} is after to {last}")
    if virtual.flag("whole"):
        return [BalanceSpan(first, last)]
    months = list(_months(first, last))
    if len(months) > MOST_MONTHS:
        raise InvalidRequestError(
            f"{virtual.reader}: {first} to {last} are {len(months)} months, each an API transaction",
            fix=f"Give the days: {virtual.reader}?from=2026-01-01&to=2026-12-31",
        )
    return months


def _ledger_days(gateway: ReadGateway) -> tuple[date, date]:
    """The first day of the ledger, and its last day or today."""
    today = gateway.company_time.date()
    days = tuple(Aggregate(function, "BATCH_DATE") for function in ("min", "max"))
    query = Query("GLBATCH", days, show_private=not gateway.connection.location_id)
    row = next(iter(gateway.query(query)), {})
    first, last = (value for value in (*row.values(), None, None)[:2])
    return first if isinstance(first, date) else today, max(last, today) if isinstance(last, date) else today


def _months(first: date, last: date) -> Iterator[BalanceSpan]:
    while first <= last:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield BalanceSpan(first, min(following - timedelta(days=1), last))
        first = following
