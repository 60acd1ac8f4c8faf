"""Payments, which bear no key of ours: known by the records that they pay, the amounts, and the day.

What was asked is read from the function that was sent. A payment is the same one if its details pay exactly those
records with exactly those amounts on that day; who made it and when is judged as for any other record. Not finding it
proves nothing, for a payment is never sent again by itself.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RecordError, RefusedError
from intacct_bridge.flow.company.find_by_key import Creators, Key, Sighting, sighting_of, trace_text
from intacct_bridge.flow.company.gateway import Company, Row
from intacct_bridge.flow.outbox.entry import Entry
from intacct_bridge.flow.records.lookup_keys import Trace
from intacct_bridge.model.batched import batched
from intacct_bridge.model.query.query import Query, field
from intacct_bridge.wire.values import Kind, Value, parse_value
from intacct_bridge.wire.xml import Element, parse

_KEYS = ("RECORDKEY", "invoicekey")
_AMOUNTS = ("TRX_PAYMENTAMOUNT", "PAYMENTAMOUNT", "amount")
_DAYS = ("PAYMENTDATE", "RECEIPTDATE")
_BY = "PAYMENTKEY"
_SELECT = (_BY, "RECORDKEY", "TRX_PAYMENTAMOUNT", "PAYMENTDATE")
_AT_ONCE = 100


def paid_by(entry: Entry) -> Key:
    """What a payment pays, as something to compare by; empty where its function does not say it all."""
    body = parse(entry.body.encode())
    lines = list(_lines(body))
    try:
        told = Counter((key, _number(amount)) for key, amount in lines)
    except InvalidOperation:
        return ()
    if not lines or any(not key for key, _ in lines):
        return ()
    day = next((text for name in _DAYS for node in body if (text := node.findtext(name).strip())), "")
    return _key(told, _day(day))


def look_paid(company: Company, trace: Trace, entries: Iterable[Entry]) -> dict[Key, list[Sighting]]:
    """The payments that pay what these pay, oldest first; none where the company does not show details."""
    wanted = {key: key for entry in entries if (key := paid_by(entry))}
    try:
        return _look(company, trace, wanted) if wanted else {}
    except (InvalidRequestError, NotPermittedError, RefusedError):
        return {}


def _look(company: Company, trace: Trace, wanted: Mapping[Key, Key]) -> dict[Key, list[Sighting]]:
    records = sorted({name for key in wanted for name, _ in key if name})
    near = {trace_text(row.get(_BY)) for row in _details(company, trace, "RECORDKEY", records)}
    whole: dict[str, list[Row]] = defaultdict(list)
    for row in _details(company, trace, _BY, sorted(near)):
        whole[trace_text(row.get(_BY))].append(row)
    same: dict[str, Key] = {}
    for payment, rows in whole.items():
        told = Counter((trace_text(row.get("RECORDKEY")), _number(row.get("TRX_PAYMENTAMOUNT"))) for row in rows)
        days = {row.get("PAYMENTDATE") for row in rows}
        for key in (_key(told, days.pop() if len(days) == 1 else None), _key(told, None)):
            if key in wanted:
                same[payment] = key
    found: dict[Key, list[Sighting]] = {}
    for sighting in _headers(company, trace, sorted(same)):
        found.setdefault(same[sighting.record], []).append(sighting)
    return found


def _details(company: Company, trace: Trace, name: str, values: list[str]) -> Iterator[Row]:
    described = company.describe(trace.details)
    for some in batched(values, _AT_ONCE):
        yield from company.query(_asked(trace.details, _SELECT, name, described.kind_of(name), some))


def _headers(company: Company, trace: Trace, values: list[str]) -> Iterator[Sighting]:
    described = company.describe(trace.object)
    creators = Creators(company, trace, described)
    wanted = (trace.created, creators.field, *trace.absent)
    select = (trace.record, *(name for name in wanted if name and described.get(name) is not None))
    for some in batched(values, _AT_ONCE):
        for row in company.query(_asked(trace.object, select, trace.record, described.kind_of(trace.record), some)):
            yield sighting_of(trace, row, creators)


def _asked(name: str, select: tuple[str, ...], by: str, kind: Kind, texts: list[str]) -> Query:
    values = [parse_value(kind, text) for text in texts]
    return Query(name, select, where=field(by).is_in(values), show_private=True)


def _lines(node: Element) -> Iterator[tuple[str, str]]:
    """The record and the amount of every line under an element; an empty record for one that pays something else."""
    for child in node:
        amount = next((text for name in _AMOUNTS if (text := child.findtext(name).strip())), "")
        key = next((text for name in _KEYS if (text := child.findtext(name).strip())), "")
        if amount:
            yield key, amount
        elif child.children:
            yield from _lines(child)


def _key(told: Mapping[tuple[str, Decimal], int], day: Value) -> Key:
    """The lines in one order, and the day as a line of its own."""
    lines = [(record, f"{count} x {amount}") for (record, amount), count in sorted(told.items())]
    return (*lines, ("", day.isoformat() if isinstance(day, date) and not isinstance(day, datetime) else ""))


def _number(value: Value) -> Decimal:
    return Decimal(str(value)).normalize()


def _day(text: str) -> Value:
    try:
        return parse_value(Kind.DATE, text)
    except RecordError:
        return None
