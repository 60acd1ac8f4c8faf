"""Reporting: trial balance, statements, ageing and budgets of a copy, by book, entity and month, with charts."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console import report_queries as queries
from intacct_bridge.apps.console.charts import ChartSeries, bar_chart, line_chart
from intacct_bridge.apps.console.copies import (
    asking,
    by_currency,
    chosen_copy,
    load_sql_parser,
    opened_once,
    sql_command,
    total,
)
from intacct_bridge.apps.console.report_queries import ReportScope, Side
from intacct_bridge.apps.web.pages import Page, PageRequest, PageView, address
from intacct_bridge.operations.copies import WrittenCopy, parse_uri, written_copies
from intacct_protocol.errors import InvalidRequestError

if TYPE_CHECKING:
    from markupsafe import Markup

ALL, NONE = "", "-"
"""The choices of an entity that stand for all of them, and for what belongs to none."""
REPORTS = (
    ("/reporting/trial-balance", "Trial balance"),
    ("/reporting/income-statement", "Income statement"),
    ("/reporting/balance-sheet", "Balance sheet"),
    ("/reporting/payables", "Payables"),
    ("/reporting/receivables", "Receivables"),
    ("/reporting/budget", "Budget"),
)
MONTHS = 24
"""The most months of a chart."""
BUCKETS = {
    "not_due": "Not due",
    "bucket_1": "1–30 days",
    "bucket_2": "31–60",
    "bucket_3": "61–90",
    "bucket_4": "91–120",
    "bucket_5": "Over 120",
}
Rows = Sequence[Mapping[str, Any]]


def frame(copy: WrittenCopy, request: PageRequest, **more: Any) -> dict[str, Any]:
    """What every page of a report shows: the copy, what proved it, and the other reports."""
    return {
        "copy": copy.uri,
        "copies": [one.uri for one in written_copies()],
        "company": copy.company,
        "extracted": copy.extracted,
        "proof": _proof_data(copy),
        "reports": [{"href": address_of(path, copy=copy.uri), "path": path, "label": label} for path, label in REPORTS],
        "here": request.path,
        **more,
    }


def _proof_data(copy: WrittenCopy) -> dict[str, Any] | None:
    proof = copy.proof
    if proof is None:
        return None
    kind = "good" if proof.equal else "bad"
    return {"run": proof.run, "at": proof.at, "verdict": proof.verdict, "kind": kind}


def address_of(path: str, **query: str) -> str:
    """An address of a report with its choices."""
    return address(*path.strip("/").split("/"), **query)


def no_copy(request: PageRequest) -> PageView:
    """The page if there is no copy yet."""
    return PageView("reporting_none.html", {"here": request.path, "reports": []}, title="Reporting")


def overview(request: PageRequest) -> PageView:
    """The copies with their age and their proof."""
    copies = written_copies()
    if not copies:
        return no_copy(request)
    listed = [
        {
            "uri": one.uri,
            "company": one.company,
            "extracted": one.extracted,
            "proof": _proof_data(one),
            "href": address_of(REPORTS[0][0], copy=one.uri),
        }
        for one in copies
    ]
    return PageView("reporting.html", {**frame(copies[0], request), "listed": listed})


# --- choices


def entity_of(request: PageRequest) -> str | None:
    """The entity that the address names, as a scope has it."""
    chosen = request.query.get("entity", ALL)
    return None if chosen == ALL else "" if chosen == NONE else chosen


def day_of(request: PageRequest, name: str, default: date) -> date:
    """A day of the address."""
    text = request.query.get(name, "")
    try:
        return date.fromisoformat(text) if text else default
    except ValueError:
        raise InvalidRequestError(f"{text!r} is not a date", fix="Write it as 2026-01-31.") from None


def _entities(rows: Rows) -> list[tuple[str, str]]:
    names = {row["entity_id"]: row["entity_name"] for row in rows}
    listed = [(one or NONE, f"{one} {name}".strip() if one else "No entity") for one, name in sorted(names.items())]
    return [(ALL, "All entities"), *listed]


def _scope(request: PageRequest, rows: Rows) -> tuple[ReportScope, date, dict[str, Any]]:
    """The chosen book, entity and month with the end of the month, and what can be chosen."""
    if not rows:
        raise InvalidRequestError("The ledger of this copy holds no posted lines.", fix="Extract GLDETAIL.")
    books = list(dict.fromkeys(str(row["book"]) for row in rows))
    months = {row["period_start"]: row["period_end"] for row in rows}
    today = datetime.now(UTC).date()
    latest = max((one for one in months if one <= today), default=max(months))
    month = day_of(request, "month", latest)
    book = request.query.get("book", books[0])
    if month not in months or book not in books:
        raise InvalidRequestError(
            f"The copy has no {book} for {month:%B %Y}.", fix="Choose a book and a month of the list."
        )
    choices = {
        "books": [(one, one) for one in books],
        "entities": _entities(rows),
        "months": [(one.isoformat(), f"{one:%B %Y}") for one in sorted(months, reverse=True)],
        "book": book,
        "entity": request.query.get("entity", ALL),
        "month": month.isoformat(),
        "until": months[month],
    }
    return ReportScope(book, entity_of(request), month), months[month], choices


def _lines_address(copy: WrittenCopy, scope: ReportScope, account: str, first: date | None, last: date) -> str:
    """The address of the lines behind an amount."""
    entity = ALL if scope.entity is None else scope.entity or NONE
    since = first.isoformat() if first is not None else ""
    return address_of(
        "/reporting/lines", copy=copy.uri, book=scope.book, entity=entity, account=account, since=since,
        until=last.isoformat(),
    )  # fmt: skip


# --- statements


def show_trial_balance(request: PageRequest) -> PageView:
    """Opening balance, debits, credits and closing balance of each account in a month."""
    copy = chosen_copy(request)
    if copy is None:
        return no_copy(request)
    with asking(copy.uri, queries.choices()) as ask:
        scope, end, choices = _scope(request, ask(queries.choices()))
        sql = queries.trial_balance(scope)
        rows = ask(sql)
    for row in rows:
        row["lines"] = _lines_address(copy, scope, row["account_no"], scope.month, end)
    tables = [
        {"currency": currency, "rows": some, "total": total(some, "opening", "debit", "credit", "closing")}
        for currency, some in by_currency(rows).items()
    ]
    data = frame(copy, request, tables=tables, command=sql_command(copy.uri, sql), **choices)
    return PageView("trial_balance.html", data)


def show_income_statement(request: PageRequest) -> PageView:
    """Revenue and expenses of a month and of the fiscal year so far."""
    copy = chosen_copy(request)
    if copy is None:
        return no_copy(request)
    wide = (queries.choices(), "SELECT 1 FROM reporting.income_statement")
    with asking(copy.uri, *wide) as ask:
        scope, end, choices = _scope(request, ask(queries.choices()))
        sql = queries.income_statement(scope)
        rows, months = ask(sql), ask(queries.income_by_month(scope))
    for row in rows:
        row["lines"] = _lines_address(copy, scope, row["account_no"], scope.month, end)
    charts = [
        _by_section(bar_chart, f"Revenue and expenses by month, {currency}", some, "period_start")
        for currency, some in by_currency(months).items()
    ]
    tables = [
        {
            "currency": currency,
            "sections": _sections(some, "amount", "year_to_date"),
            "net": _net(some, "amount", "year_to_date"),
        }
        for currency, some in by_currency(rows).items()
    ]
    data = frame(copy, request, tables=tables, charts=charts, command=sql_command(copy.uri, sql), **choices)
    return PageView("income_statement.html", data)


def show_balance_sheet(request: PageRequest) -> PageView:
    """Assets, liabilities and equity at a month end."""
    copy = chosen_copy(request)
    if copy is None:
        return no_copy(request)
    wide = (queries.choices(), "SELECT 1 FROM reporting.balance_sheet")
    with asking(copy.uri, *wide) as ask:
        scope, end, choices = _scope(request, ask(queries.choices()))
        sql = queries.balance_sheet(scope, end)
        rows, months = ask(sql), ask(queries.balances_by_month(scope, end))
    for row in rows:
        row["lines"] = _lines_address(copy, scope, row["account_no"], scope.month, end) if row["account_no"] else ""
    charts = [
        _by_section(line_chart, f"Balance sheet by month end, {currency}", some, "period_end")
        for currency, some in by_currency(months).items()
    ]
    tables = [
        {"currency": currency, "sections": _sections(some, "amount"), "off": total(some, "balance")["balance"]}
        for currency, some in by_currency(rows).items()
    ]
    data = frame(copy, request, tables=tables, charts=charts, command=sql_command(copy.uri, sql), **choices)
    return PageView("balance_sheet.html", data)


def _sections(rows: Rows, *amounts: str) -> list[dict[str, Any]]:
    """Rows by section, each with its total."""
    sections: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        sections.setdefault(str(row["section"]), []).append(row)
    return [{"section": name, "rows": some, "total": total(some, *amounts)} for name, some in sections.items()]


def _net(rows: Rows, *amounts: str) -> dict[str, Any]:
    """The amounts of the rows that earn, less those of all other rows."""
    revenue = total([row for row in rows if row["earns"]], *amounts)
    others = total([row for row in rows if not row["earns"]], *amounts)
    return {name: revenue[name] - others[name] for name in amounts}


def _by_section(draw: Any, title: str, rows: Rows, day: str) -> "Markup":
    """A chart of the sections over the months."""
    days = sorted({row[day] for row in rows})[-MONTHS:]
    sections = list(dict.fromkeys(str(row["section"]) for row in rows))
    amounts = {(row["section"], row[day]): row["amount"] for row in rows}
    series = [ChartSeries(one, [amounts.get((one, each)) for each in days]) for one in sections]
    drawn: Markup = draw(title, [f"{one:%b %y}" for one in days], series)
    return drawn


# --- open items and budgets


def _ageing(side: Side) -> Any:
    def show(request: PageRequest) -> PageView:
        copy = chosen_copy(request)
        if copy is None:
            return no_copy(request)
        day, basis = day_of(request, "day", datetime.now(UTC).date()), basis_of(request)
        sql = queries.ageing(side, day, basis, entity_of(request))
        with asking(copy.uri, queries.entities(), sql) as ask:
            entities, rows = ask(queries.entities()), ask(sql)
        for row in rows:
            row["items_page"] = address_of(
                "/reporting/open-items", copy=copy.uri, side=side, party=row["party_id"], day=day.isoformat(),
                basis=basis, entity=request.query.get("entity", ALL),
            )  # fmt: skip
        tables, charts = [], []
        for currency, rows_of_currency in by_currency(rows).items():
            sums = total(rows_of_currency, *BUCKETS, "total")
            tables.append({"currency": currency, "rows": rows_of_currency, "total": sums})
            title = f"Open {'payables' if side == 'ap' else 'receivables'} by age, {currency}"
            series = ChartSeries("Open", [sums[one] for one in BUCKETS])
            charts.append(bar_chart(title, list(BUCKETS.values()), [series]))
        data = frame(
            copy, request, side=side, tables=tables, charts=charts, buckets=BUCKETS, day=day.isoformat(), basis=basis,
            entities=_entities(entities), entity=request.query.get("entity", ALL), command=sql_command(copy.uri, sql),
        )  # fmt: skip
        return PageView("ageing.html", data)

    return show


def basis_of(request: PageRequest) -> str:
    """The dates that count; InvalidRequestError for an unknown basis."""
    basis = request.query.get("basis", "gl")
    if basis not in ("gl", "document"):
        raise InvalidRequestError(f"There is no basis {basis!r}.", fix="Choose posting dates or document dates.")
    return basis


def show_budget(request: PageRequest) -> PageView:
    """A budget beside what was posted."""
    copy = chosen_copy(request)
    if copy is None:
        return no_copy(request)
    with asking(copy.uri, queries.budgets(), queries.entities()) as ask:
        periods = ask(queries.budgets())
        if not periods:
            return PageView("budget.html", frame(copy, request, tables=[], charts=[], periods=[], command=""))
        options = {_period_key(row): row for row in periods}
        today = datetime.now(UTC).date()
        usual = max((key for key, row in options.items() if row["period_start"] <= today), default=next(iter(options)))
        key = request.query.get("budget", usual)
        if key not in options:
            raise InvalidRequestError("The copy has no such budget.", fix="Choose one of the list.")
        chosen = options[key]
        first, last = chosen["period_start"], chosen["period_end"]
        sql = queries.budget(chosen["budget_id"], entity_of(request), first, last)
        rows, entities = ask(sql), ask(queries.entities())
    charts, tables = [], []
    for currency, rows_of_currency in by_currency(rows).items():
        for other, part in by_currency(rows_of_currency, "budget_currency").items():
            sections = _sections(part, "budget", "actual", "variance")
            compares = any(row["variance"] is not None for row in part)
            title = _budget_title(currency, other, part)
            tables.append({"title": title, "currency": currency, "budget_currency": other, "sections": sections})
            if other == currency and compares:
                charts.append(_budget_chart(currency, sections))
            for section in sections if other != currency or not compares else ():
                section["total"]["variance"] = None
            for section in sections:  # of a whole company with several base currencies
                if all(row["actual"] is None for row in section["rows"]):
                    section["total"] |= {"actual": None, "variance": None}
    tables.sort(key=lambda one: (one["currency"], one["budget_currency"] != one["currency"], one["budget_currency"]))
    data = frame(
        copy, request, tables=tables, charts=charts, budget=key, entities=_entities(entities),
        periods=[(one, one.replace("/", ": ", 1).replace("/", " to ")) for one in sorted(options, reverse=True)],
        entity=request.query.get("entity", ALL), command=sql_command(copy.uri, sql),
    )  # fmt: skip
    return PageView("budget.html", data)


def _budget_title(currency: str, other: str, rows: Rows) -> str:
    if other == currency and any(row["variance"] is not None for row in rows):
        return f"Budget and actual, in {currency}" if currency else "Budget and actual"
    named = f"Budget in {other}" if other else "Budget that names no currency"
    if all(row["actual"] is None for row in rows):
        return f"{named}, without actual, since the ledger has several base currencies"
    return f"{named}, actual in {currency}" if currency else named


def _budget_chart(currency: str, sections: Rows) -> "Markup":
    names = [str(one["section"]) for one in sections]
    series = [ChartSeries(one.capitalize(), [part["total"][one] for part in sections]) for one in ("budget", "actual")]
    return bar_chart(f"Budget and actual, {currency}", names, series)


def _period_key(row: Mapping[str, Any]) -> str:
    return f"{row['budget_id']}/{row['period_start']}/{row['period_end']}"


PAGES = (
    Page("/reporting", "Reporting", overview, nav="Reporting"),
    Page("/reporting/trial-balance", "Trial balance", show_trial_balance),
    Page("/reporting/income-statement", "Income statement", show_income_statement),
    Page("/reporting/balance-sheet", "Balance sheet", show_balance_sheet),
    Page("/reporting/payables", "Payables by age", _ageing("ap")),
    Page("/reporting/receivables", "Receivables by age", _ageing("ar")),
    Page("/reporting/budget", "Budget and actual", show_budget),
)

_VIEWS = (
    "accounts",
    "trial_balance",
    "entities",
    "income_statement",
    "balance_sheet",
    "ap_ageing",
    "ar_ageing",
    "budget_vs_actual",
)
"""The views that the reports read."""


def prepare_reports(request: PageRequest, uri: str) -> None:
    """Ask a new copy what its reports show at first, so that the rows are remembered before a person opens a page.

    Only rows of a file of DuckDB are remembered; for other copies the parser of SQL is loaded. An error here is not one
    of the extraction.
    """
    if parse_uri(uri).scheme != "duckdb":
        return load_sql_parser()
    with suppress(Exception), opened_once(uri, _VIEWS):  # a page itself shows what is wrong, and the copy is complete
        for page in PAGES[1:]:
            with suppress(Exception):
                page.show(replace(request, query={"copy": uri}))
    return None
