"""From a number of a report to its lines, from a line to its journal entry, and from an entry to its document."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from intacct_bridge.apps.console import report_queries as queries
from intacct_bridge.apps.console.copies import asking, chosen_copy, columns_of, sql_command
from intacct_bridge.apps.console.pages.reporting import (
    ALL,
    address_of,
    basis_of,
    day_of,
    entity_of,
    frame,
    no_copy,
)
from intacct_bridge.apps.console.report_queries import ROWS, ReportScope, Side
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView
from intacct_bridge.operations.copies import WrittenCopy
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.sql_text import literal, quoted

_SIDES: Mapping[str, Side] = {
    "bill": "ap",
    "payables adjustment": "ap",
    "payment": "ap",
    "invoice": "ar",
    "receivables adjustment": "ar",
    "receipt": "ar",
}


def show_lines(request: PageRequest) -> PageView:
    """The posted lines of an account."""
    copy = chosen_copy(request)
    if copy is None:
        return no_copy(request)
    account, book = request.query.get("account", ""), request.query.get("book", "ACCRUAL")
    first = day_of(request, "since", date.min)
    last, skip = day_of(request, "until", datetime.now(UTC).date()), _skipped(request)
    scope = ReportScope(book, entity_of(request))
    since = None if first == date.min else first
    sql, sums = (
        queries.ledger_lines(scope, account, since, last, skip=skip),
        queries.ledger_totals(scope, account, since, last),
    )
    whole_month = queries.account_balances(scope, account, first, last)
    with asking(copy.uri, sql, whole_month) as ask:
        rows, totals = ask(sql), ask(sums)
        balances = {row["base_currency"]: row for row in ask(whole_month)} if since is not None else {}
    data = frame(
        copy, request, account=account, book=book, entity=request.query.get("entity", ALL), until=last.isoformat(),
        since="" if since is None else since.isoformat(), totals=totals,
        balances=balances if balances.keys() >= {row["base_currency"] for row in totals} else {},
        account_title=totals[0]["account_title"] if totals else "", rows=_linked(copy, rows[:ROWS]),
        command=sql_command(copy.uri, sql), **_paging(request, rows, skip),
    )  # fmt: skip
    return PageView("ledger_lines.html", data, title=f"Account {account} {data['account_title']}".strip())


def show_entry(request: PageRequest) -> PageView:
    """A journal entry with its lines."""
    copy = chosen_copy(request)
    if copy is None:
        return no_copy(request)
    key = request.query.get("key", "")
    sql = queries.entry_lines(key)
    with asking(copy.uri, sql) as ask:
        rows = _linked(copy, ask(sql))
    if not rows:
        raise NotFoundError(f"The copy has no posted entry with the key {key!r}.")
    head = {name: rows[0][name] for name in ("posting_date", "journal", "entry_no", "entry_title", "reference_no")}
    data = frame(copy, request, key=key, head=head, rows=rows, command=sql_command(copy.uri, sql))
    return PageView("entry.html", data, title=f"Journal entry {head['journal']} {head['entry_no']}")


def show_open_items(request: PageRequest) -> PageView:
    """The open documents of a vendor or customer."""
    copy = chosen_copy(request)
    if copy is None:
        return no_copy(request)
    side = request.query.get("side", "ap")
    if side not in ("ap", "ar"):
        raise InvalidRequestError(f"There is no side {side!r}.", fix="Choose ap for payables or ar for receivables.")
    day, party = day_of(request, "day", datetime.now(UTC).date()), request.query.get("party", "")
    basis, skip = basis_of(request), _skipped(request)
    sql = queries.open_items("ar" if side == "ar" else "ap", day, basis, party, entity_of(request), skip=skip)
    with asking(copy.uri, sql) as ask:
        rows = ask(sql)
    data = frame(
        copy, request, side=side, day=day.isoformat(), party=party, rows=_linked(copy, rows[:ROWS]),
        command=sql_command(copy.uri, sql), **_paging(request, rows, skip),
    )  # fmt: skip
    return PageView("open_items.html", data, title=f"Open items of {party}")


def show_document(request: PageRequest) -> PageView:
    """A document: its fields and lines in the copy, what settled it, and what it posted."""
    copy = chosen_copy(request)
    if copy is None:
        return no_copy(request)
    kind, key = request.query.get("type", ""), request.query.get("key", "")
    summary = queries.document_object(kind, key)
    side = _SIDES.get(kind)
    settled = queries.settlements(side, key) if side is not None else ""
    posted = queries.document_postings(kind, key)
    with asking(copy.uri, summary, posted, *filter(None, (settled,))) as ask:
        objects, postings = ask(summary), _linked(copy, ask(posted))
        paid = ask(settled) if settled else []
    if len(objects) != 1:
        raise NotFoundError(f"The copy has no {kind or 'document'} with the key {key!r}.")
    name = objects[0]["document_object"]
    header = f"SELECT * FROM {quoted(name)} WHERE CAST(RECORDNO AS VARCHAR) = {literal(key)}"
    items = _items(copy, name, key)
    with asking(copy.uri, header, *items.values()) as ask:
        (record,) = ask(header)
        lists = {table: _filled(ask(sql)) for table, sql in items.items()}
    data = frame(
        copy, request, kind=kind, key=key, object=name, document_no=objects[0]["document_no"],
        party=objects[0]["party_id"], state=objects[0]["state"],
        fields=[(field, _plain(value)) for field, value in record.items() if value not in (None, "")],
        lists=lists, settlements=paid, postings=postings, command=sql_command(copy.uri, header),
    )  # fmt: skip
    return PageView("document.html", data, title=f"{kind.capitalize()} {objects[0]['document_no'] or key}")


def _items(copy: WrittenCopy, name: str, key: str) -> dict[str, str]:
    """The copy's tables with lines of an object, each with the SELECT for one document."""
    tables = {
        one: {column.upper(): column for column in columns}
        for one, columns in columns_of(copy.uri).items()
        if one.upper() in (f"{name}ITEM", f"{name}ENTRY", f"{name}DETAIL")
    }
    owners = {
        one: columns.get("RECORDKEY" if one.endswith("ITEM") else "PAYMENTKEY") for one, columns in tables.items()
    }
    return {
        one: f"SELECT * FROM {quoted(one)} WHERE CAST({quoted(owner)} AS VARCHAR) = {literal(key)} LIMIT {ROWS}"
        for one, owner in owners.items()
        if owner is not None
    }


_SHOWN = (
    "LINE_NO", "ACCOUNTNO", "ACCOUNTTITLE", "AMOUNT", "TRX_AMOUNT", "CURRENCY", "ENTRYDESCRIPTION", "DEPARTMENTID",
    "LOCATIONID", "CUSTOMERID", "VENDORID", "PROJECTID", "ITEMID", "CLASSID", "PAYMENTDATE", "PAYMENTAMOUNT",
    "DISCOUNTAMOUNT", "TRX_PAYMENTAMOUNT",
)  # fmt: skip
"""The fields of lines that a table has room for."""


def _filled(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The lines with the columns that have values."""
    columns = [one for one in _SHOWN if any(row.get(one) not in (None, "") for row in rows)]
    numbers = [number for number, one in enumerate(columns) if one.endswith("AMOUNT")]
    return {"columns": columns, "numbers": numbers, "rows": [[_plain(row.get(one)) for one in columns] for row in rows]}


def _plain(value: Any) -> Any:
    """A key as it is written, without separators."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _linked(copy: WrittenCopy, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the addresses of their entry and their document."""
    for row in rows:
        kind, key = row.get("document_type"), row.get("document_key")
        row["document_page"] = (
            address_of("/reporting/document", copy=copy.uri, type=kind, key=key) if kind and key else ""
        )
        entry = row.get("entry_key")
        row["entry_page"] = address_of("/reporting/entry", copy=copy.uri, key=entry) if entry else ""
    return list(rows)


def _skipped(request: PageRequest) -> int:
    text = request.query.get("skip", "0")
    if not text.isdecimal() or len(text) > 9:
        raise InvalidRequestError(f"{text!r} is not a number of rows")
    return int(text)


def _paging(request: PageRequest, rows: Sequence[Any], skip: int) -> dict[str, str]:
    """The addresses of the pages before and after this one."""
    parameters = {name: value for name, value in request.query.items() if name not in ("skip", "notice")}
    before = address_of(request.path.removesuffix(".json"), **parameters, skip=str(max(0, skip - ROWS))) if skip else ""
    after = (
        address_of(request.path.removesuffix(".json"), **parameters, skip=str(skip + ROWS)) if len(rows) > ROWS else ""
    )
    return {"before": before, "after": after}


PAGES = (
    Page("/reporting/lines", "Ledger lines", show_lines),
    Page("/reporting/entry", "Journal entry", show_entry),
    Page("/reporting/open-items", "Open items", show_open_items),
    Page("/reporting/document", "Document", show_document),
)
