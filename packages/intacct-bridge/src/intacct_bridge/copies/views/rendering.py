"""The SQL of views for one copy: the tables and columns that it has, its currencies, its user-defined dimensions.

A column that the copy lacks is null, and a table that a view reads only if present is empty. A view whose table is
missing is skipped, and so is every view that reads it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from intacct_bridge.copies.views.definitions import ReadField, ReadTable, ViewDefinition, column_name, view_definitions
from intacct_bridge.copies.views.dialects import Dialect
from intacct_protocol.model.sql_text import literal, quoted
from intacct_protocol.model.wording import currency_decimals

NOT_POSTED = ("Draft", "Submitted", "Partially Approved", "Approved", "Declined")
"""The states of journal entries that are not in the ledger."""
DOCUMENT_TYPES = {
    "pi": "bill",
    "pa": "payables adjustment",
    "pp": "payment",
    "pr": "vendor advance",
    "ri": "invoice",
    "ra": "receivables adjustment",
    "rp": "receipt",
    "rr": "customer advance",
    "rd": "deposit",
    "ei": "expense report",
    "ea": "expense adjustment",
    "ep": "reimbursement",
    "cc": "card transaction",
    "ro": "other receipt",
}
"""RECORDTYPE in words."""
_OWN_DIMENSION = "GLDIM"
_LEDGER = "GLDETAIL"
_RAW = re.compile(r"\braw\.([a-z_]+)\b")
_PART = re.compile(r"\{([a-z_]+)(?::([^{}]*))?\}")


@dataclass(frozen=True, slots=True)
class CopyShape:
    """What the SQL of views depends on."""

    tables: Mapping[str, Sequence[str]]
    """The columns of each complete table."""
    schema: str
    """The schema of the tables, quoted."""
    bridge: str
    """The schema of our own tables, quoted."""
    reporting: str = "reporting"
    """The schema of the views, quoted."""
    decimals: int = 2
    """Of the base currencies."""
    trx_decimals: int = 2
    """Of all currencies."""
    known_decimals: Mapping[str, int] = field(default_factory=dict)
    """Of each currency that the copy names."""
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The account groups that are the sections of a statement, by `balance_sheet` and `income_statement`."""


@dataclass(frozen=True, slots=True)
class RenderedView:
    """A view as one database creates it."""

    name: str
    kind: str
    statements: tuple[str, ...]
    """That which creates it, then its comments."""


@dataclass(frozen=True, slots=True)
class SkippedView:
    """A view that the copy has no tables for."""

    name: str
    reason: str


def render_views(dialect: Dialect, shape: CopyShape) -> tuple[list[RenderedView], list[SkippedView]]:
    """All views for a copy, each after those that it reads; and those that are skipped."""
    skipped = lacking_views(shape)
    names = {one.name for one in skipped}
    return [render(one, dialect, shape) for one in view_definitions().values() if one.name not in names], skipped


def lacking_views(shape: CopyShape) -> list[SkippedView]:
    """The views that a copy has no tables for, each with the reason."""
    skipped: dict[str, SkippedView] = {}
    for view in view_definitions().values():
        reason = _lacking(view, shape) or next((skipped[one].reason for one in view.uses if one in skipped), "")
        if reason:
            skipped[view.name] = SkippedView(view.name, reason)
    return list(skipped.values())


def _lacking(view: ViewDefinition, shape: CopyShape) -> str:
    for table in view.tables:
        columns = shape.tables.get(table.object)
        if columns is None:
            if table.required:
                return f"the copy has no {table.object}"
            continue
        missing = next((one.name for one in table.fields if one.required and one.name not in columns), "")
        if missing:
            return f"{table.object} has no column {missing}"
    return ""


def render(view: ViewDefinition, dialect: Dialect, shape: CopyShape) -> RenderedView:
    """One view for a copy."""
    name = f"{shape.reporting}.{view.name}"
    money = money_types(dialect, shape)
    create = dialect.create(view, name, view_sql(view, dialect, shape), money)
    return RenderedView(view.name, view.kind, (create, *dialect.comments(view, name)))


def money_types(dialect: Dialect, shape: CopyShape) -> dict[str, str]:
    """The types of amounts."""
    return {
        "money": dialect.money(shape.decimals),
        "trx_money": dialect.money(shape.trx_decimals),
        "any_money": dialect.money(_most_decimals(shape)),
        "quantity": dialect.money(4),
        "rate": dialect.decimal.format(18, 10),
        "small": dialect.decimal.format(20, 3),
    }


def view_sql(view: ViewDefinition, dialect: Dialect, shape: CopyShape) -> str:
    """The query of a view."""
    parts = _parts(view, dialect, shape)

    def part(match: re.Match[str]) -> str:
        return _expanded(match[1], match[2] or "", parts, shape)

    sql = _PART.sub(part, _PART.sub(part, view.body))
    tables = {one.object.lower(): one for one in view.tables}
    dimensions = _own_dimensions(shape)
    sql = _RAW.sub(lambda match: _relation(tables[match[1]], dialect, shape, dimensions), sql)
    sql = re.sub(r"\breporting\.", f"{shape.reporting}.", sql)
    return re.sub(r"\bbridge\.", f"{shape.bridge}.", sql)


def _parts(view: ViewDefinition, dialect: Dialect, shape: CopyShape) -> dict[str, str]:
    parameters = {one.name: dialect.parameter(one, place) for place, one in enumerate(view.parameters, 1)}
    exact = {f"money_{decimals}": dialect.money(decimals) for decimals in range(_most_decimals(shape) + 1)}
    return {**money_types(dialect, shape), **exact, **parameters}


def _expanded(name: str, argument: str, parts: Mapping[str, str], shape: CopyShape) -> str:
    """A part in braces."""
    if name in parts:
        return parts[name]
    if name == "rounded":
        amount, _, currency = argument.rpartition(",")
        return _rounded(amount, currency.strip(), parts, shape)
    if name == "translated":
        amount, _, currency = argument.rpartition(",")
        return _translated(amount, currency.strip(), parts, shape)
    if name in ("debit", "credit"):
        column, sign = f"{argument}.{name}amount", "" if name == "debit" else "-"
        neither = f"coalesce({argument}.debitamount, {argument}.creditamount) IS NULL"
        return (
            f"CASE WHEN {neither} THEN greatest({sign}coalesce({argument}.amount, 0), 0) ELSE coalesce({column}, 0) END"
        )
    if name == "fiscal_year":
        day, first_month = argument.split(", ")
        later = f"{first_month} > 1 AND EXTRACT(MONTH FROM {day}) >= {first_month}"
        return f"CAST(EXTRACT(YEAR FROM {day}) AS INTEGER) + CASE WHEN {later} THEN 1 ELSE 0 END"
    if name == "fiscal_month":
        day, first_month = argument.split(", ")
        return f"(CAST(EXTRACT(MONTH FROM {day}) AS INTEGER) - {first_month} + 12) % 12 + 1"
    if name == "posted":
        return f"coalesce({argument}, 'Posted') NOT IN ({', '.join(map(literal, NOT_POSTED))})"
    if name == "document_type":
        cases = " ".join(f"WHEN {literal(code)} THEN {literal(words)}" for code, words in DOCUMENT_TYPES.items())
        return f"CASE {argument} {cases} END"
    if name == "dimensions":
        return " ".join(
            f"{argument}.{column_name(one)} AS {own_dimension_name(one)}," for one in _own_dimensions(shape)
        )
    if name == "dimension_values":
        return " ".join(
            f"UNION ALL SELECT DISTINCT {literal(own_dimension_name(one))}, {column_name(one)}, NULL, NULL, NULL "
            f"FROM raw.{_LEDGER.lower()}"
            for one in _own_dimensions(shape)
        )
    assert name == "groups", name
    return _groups(shape)


def _rounded(amount: str, currency: str, parts: Mapping[str, str], shape: CopyShape) -> str:
    """An amount in a base currency, with the decimals of that currency."""
    fewer = {code: places for code, places in shape.known_decimals.items() if places < shape.decimals}
    return _by_currency(amount, currency, fewer, shape.decimals, parts, kind="money")


def _translated(amount: str, currency: str, parts: Mapping[str, str], shape: CopyShape) -> str:
    """An amount in any currency, with the decimals of that currency."""
    usual = currency_decimals("")
    others = {code: places for code, places in shape.known_decimals.items() if places != usual}
    return _by_currency(amount, currency, others, usual, parts, kind="any_money")


def _by_currency(
    amount: str, currency: str, decimals: Mapping[str, int], usual: int, parts: Mapping[str, str], *, kind: str
) -> str:
    """An amount rounded to the decimals of its currency, as a type that holds those of all."""

    def cast(places: int) -> str:
        exact = f"CAST({amount} AS {parts[f'money_{places}']})"
        return exact if parts[f"money_{places}"] == parts[kind] else f"CAST({exact} AS {parts[kind]})"

    cases = " ".join(f"WHEN {literal(code)} THEN {cast(decimals[code])}" for code in sorted(decimals))
    return f"CASE {currency} {cases} ELSE {cast(usual)} END" if cases else cast(usual)


def _most_decimals(shape: CopyShape) -> int:
    return max(shape.decimals, currency_decimals(""), *shape.known_decimals.values())


def _own_dimensions(shape: CopyShape) -> list[str]:
    """The columns of the ledger that are user-defined dimensions."""
    return sorted(one for one in shape.tables.get(_LEDGER, ()) if one.startswith(_OWN_DIMENSION))


def own_dimension_name(name: str) -> str:
    """The column of a user-defined dimension in views: GLDIMFUND is dim_fund."""
    return f"dim_{column_name(name).removeprefix(_OWN_DIMENSION.lower())}"


def _groups(shape: CopyShape) -> str:
    rows = [
        f"SELECT {literal(statement)} AS statement, {place} AS place, {literal(name)} AS group_name"
        for statement, names in shape.groups.items()
        for place, name in enumerate(names, 1)
    ]
    empty = "SELECT CAST('' AS VARCHAR(99)) AS statement, 0 AS place, CAST('' AS VARCHAR(99)) AS group_name WHERE 1 = 0"
    return "\n    UNION ALL ".join(rows) or empty


def _relation(table: ReadTable, dialect: Dialect, shape: CopyShape, dimensions: Sequence[str]) -> str:
    """A table of the copy as views read it."""
    return f"(\n{indented(table_sql(table, dialect, shape, dimensions))}\n)"


def table_sql(table: ReadTable, dialect: Dialect, shape: CopyShape, dimensions: Sequence[str] = ()) -> str:
    """The query for a table of the copy: the fields that a view reads, without deleted rows."""
    present = shape.tables.get(table.object)
    fields = [*table.fields, *(ReadField(one, "text") for one in dimensions if table.object == _LEDGER)]
    columns = ",\n    ".join(_columns(fields, dialect, present or ())) or "1 AS nothing"
    if present is None:
        return f"SELECT\n    {columns}\nWHERE 1 = 0"
    return f"SELECT\n    {columns}\nFROM {shape.schema}.{quoted(table.object)}\nWHERE _deleted_at IS NULL"


def _columns(fields: Sequence[ReadField], dialect: Dialect, present: Sequence[str]) -> Iterator[str]:
    for column in fields:
        yield f"{dialect.read(column, column.name in present)} AS {column.column}"


def indented(sql: str) -> str:
    """SQL within other SQL."""
    return "\n".join(f"    {line}" for line in sql.splitlines())
