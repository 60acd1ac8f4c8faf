"""The check of a question: one SELECT that names tables of the copy and views of `reporting`, and computes.

The database gets the text that is made from the checked tree, never the text of the question. A function that the
parser does not know must be in a list: databases have functions that read files, open connections or change settings.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from intacct_bridge.copies.live_sql.statement import REPORTING, checked_view, parsed, unknown_table
from intacct_bridge.copies.views.definitions import view_definitions
from intacct_protocol.errors import InvalidRequestError

if TYPE_CHECKING:
    from sqlglot import exp

_OWN_SCHEMAS = ("", "main", "public")
_COMMON = "_with_"
"""How the names that common table expressions get begin."""
_COMPUTING = (
    "age array_agg array_contains array_length array_position array_to_string bar bool_and bool_or btrim "
    "char_length character_length date_add date_part date_sub datediff datepart datesub dayname decade divide "
    "editdist3 epoch epoch_ms era even fdiv first_value floor fmod format gcd hamming hash histogram initcap "
    "isfinite isinf isnan jaccard jaro_similarity jaro_winkler_similarity json_array_length json_extract "
    "json_extract_string json_keys json_type julian lcase lcm left_grapheme len list_aggr list_aggregate "
    "list_avg list_contains list_count list_distinct list_filter list_max list_min list_position list_reverse "
    "list_sort list_sum list_transform list_unique list_value ltrim mad make_date make_timestamp map_entries "
    "map_keys map_values microsecond millennium millisecond mod monthname multiply nfc_normalize now ord "
    "parse_date position prefix printf product quarter regexp_escape regexp_matches regexp_split_to_array "
    "regr_count reservoir_quantile rtrim starts_with str_split strip_accents strlen strpos struct_extract "
    "struct_pack subtract suffix to_char to_date to_days to_hours to_minutes to_months to_number to_seconds "
    "to_timestamp to_weeks to_years today transaction_timestamp trim_scale ucase url_decode url_encode weekday "
    "weekofyear width_bucket yearweek "
)
_HARMLESS = frozenset(_COMPUTING.split())
"""Functions that only compute, of those that the parser does not know by itself."""


@dataclass(frozen=True, slots=True)
class CheckedSelect:
    """A question that may be run."""

    query: "exp.Query"
    tables: tuple[str, ...]
    """The tables of the copy that it names, spelled as the copy spells them."""
    views: tuple[str, ...]
    """The views of `reporting` that it names."""

    @property
    def objects(self) -> tuple[str, ...]:
        """The objects that its answer rests on, those of the views included; each once, in upper case."""
        objects, waiting, views = [one.upper() for one in self.tables], list(self.views), set[str]()
        while waiting:
            view = view_definitions()[waiting.pop()]
            if view.name not in views:
                views.add(view.name)
                waiting += view.uses
                objects += [table.object for table in view.tables]
        return tuple(dict.fromkeys(objects))


def checked_select(sql: str, tables: Collection[str], *, dialect: str = "duckdb") -> CheckedSelect:
    """A question over these tables and the views. InvalidRequestError for everything else, with the reason."""
    from sqlglot import exp

    query = parsed(sql, dialect=dialect)
    if query.find(exp.Lock):
        raise InvalidRequestError("the statement locks rows", fix="Leave out FOR UPDATE and FOR SHARE.")
    if query.find(exp.Describe, exp.Summarize):
        raise InvalidRequestError("the statement describes a table", fix="Ask for the columns of the table instead.")
    if query.find(exp.Placeholder, exp.Parameter, exp.SessionParameter):
        raise InvalidRequestError("the statement has a parameter", fix="Write the value itself.")
    common = _rename_common_tables(query, dialect)
    named = _named_tables(query, {one.upper(): one for one in tables}, common)
    for function in query.find_all(exp.Func):
        _check_function(function)
        _check_long_values(function)
    views, table_names = (
        tuple(dict.fromkeys(name for kind, name in named if kind is wanted)) for wanted in (True, False)
    )
    return CheckedSelect(query, table_names, views)


def _rename_common_tables(query: "exp.Query", dialect: str) -> "list[exp.Table]":
    """Rename each common table expression and the places that mean it, and return these places.

    `WITH APBILL AS (SELECT * FROM APBILL ...)` reads the table inside and the expression outside, and databases compare
    names in ways of their own. A new name at a wrong place means nothing to the database. A name of the question could
    mean any table that the database has.
    """
    from sqlglot import exp

    names = {id(one): f"{_COMMON}{number}" for number, one in enumerate(query.find_all(exp.CTE))}
    meant = [(one, _common_table(one, dialect)) for one in query.find_all(exp.Table)]
    _check_expanded(meant)
    for table, common in meant:
        if common is not None:
            if not table.alias:
                table.set("alias", exp.TableAlias(this=table.this.copy()))
            table.set("this", exp.to_identifier(names[id(common)]))
    for expression in query.find_all(exp.CTE):
        expression.args["alias"].set("this", exp.to_identifier(names[id(expression)]))
    return [table for table, common in meant if common is not None]


_MOST_TABLES = 256
"""Tables of a statement in which each common table expression stands in full wherever it is named."""


def _check_expanded(meant: "list[tuple[exp.Table, exp.CTE | None]]") -> None:
    """InvalidRequestError for too many tables: databases put an expression in at each place before they read a row."""
    from sqlglot import exp

    inside: dict[int, list[exp.CTE | None]] = {}
    for table, common in meant:
        around = table.find_ancestor(exp.CTE)
        inside.setdefault(id(around) if around is not None else 0, []).append(common)
    sizes: dict[int, int] = {}

    def size(place: int) -> int:
        if place not in sizes:
            sizes[place] = 1  # as one that names itself counts
            sizes[place] = max(1, sum(1 if one is None else size(id(one)) for one in inside.get(place, ())))
        return sizes[place]

    most = max(map(size, [0, *inside]), default=0)
    if most > _MOST_TABLES:
        raise InvalidRequestError(
            f"the statement reads {most:,} tables, with those of WITH at each place that names them; at most "
            f"{_MOST_TABLES} are allowed",
            fix="Name each expression of WITH fewer times.",
        )


def _common_table(table: "exp.Table", dialect: str) -> "exp.CTE | None":
    """The common table expression that a table means: that of the nearest WITH around it which has the name by then."""
    from sqlglot import exp

    if table.db or not isinstance(table.this, exp.Identifier):
        return None
    name, node = _name_of(table.this, dialect), table.parent
    inside: list[exp.Expr] = []
    while node is not None:
        clause = node.args.get("with_") or node.args.get("with")
        if clause is not None and any(clause is one for one in inside):
            every = list(clause.expressions)
            at = next(number for number, one in enumerate(every) if any(one is each for each in inside))
            visible = every[: at + bool(clause.args.get("recursive"))]
        else:
            visible = list(clause.expressions) if clause is not None else []
        for expression in visible:
            if _name_of(expression.args["alias"].this, dialect) == name:
                return expression  # type: ignore[no-any-return]
        inside.append(node)
        node = node.parent
    return None


def _name_of(name: "exp.Identifier", dialect: str) -> str:
    """A name as the database compares it; PostgreSQL tells capitals in quotation marks."""
    return str(name.name) if dialect == "postgres" and name.args.get("quoted") else str(name.name).lower()


def _named_tables(
    query: "exp.Query", tables: dict[str, str], common: "Collection[exp.Table]"
) -> list[tuple[bool, str]]:
    """The tables of the copy and the views that a query names, each with whether it is a view."""
    from sqlglot import exp

    named: list[tuple[bool, str]] = []
    for table in query.find_all(exp.Table):
        if any(table is one for one in common):
            continue
        name, schema = table.name, table.db.lower()
        if table.catalog:
            raise unknown_table(table, tables.values())
        if isinstance(table.this, exp.GenerateSeries):
            continue
        if schema == REPORTING:
            named.append((True, checked_view(table)))
        elif not isinstance(table.this, exp.Identifier):
            raise unknown_table(table, tables.values())
        elif schema in _OWN_SCHEMAS and name.upper() in tables:
            named.append((False, tables[name.upper()]))
        else:
            raise unknown_table(table, tables.values())
    return named


def _check_function(function: "exp.Func") -> None:
    from sqlglot import exp

    if isinstance(function, exp.Anonymous):
        name = str(function.this).lower()
        called = function.parent
        if isinstance(called, exp.Table) and called.db.lower() == REPORTING:
            return
    elif isinstance(function, exp.AnonymousAggFunc | exp.CombinedAggFunc | exp.ParameterizedAgg):
        name = str(function.this).lower()
    else:
        name = "" if _is_harmless(function) else function.sql_name().lower()
    if name and name not in _HARMLESS:
        raise InvalidRequestError(
            f"the function {name} is not allowed here", fix="Use functions that compute from values of the copy."
        )


_ABOUT_NOW = ("CurrentDate", "CurrentDatetime", "CurrentTime", "CurrentTimestamp", "CurrentTimestampLTZ")
_BARRED = (
    *("Current", "Session", "Read", "AI", "ML", "Generate", "Vector", "Secret", "Dynamic", "ToFile", "NextValue"),
    *("Repeat", "Space", "Randstr"),
)
"""Beginnings of the parser's functions that tell about the server, read files, leave the database, or fill memory."""


def _is_harmless(function: "exp.Func") -> bool:
    name = type(function).__name__
    return name in (*_ABOUT_NOW, "GenerateSeries", "GenerateDateArray") or not name.startswith(_BARRED)


def limited(query: "exp.Query", rows: int) -> "exp.Query":
    """The query, which gives at most this many rows; its own lower limit stays."""
    from sqlglot import exp

    limit = query.args.get("limit")
    expression = limit.expression if isinstance(limit, exp.Limit) else None
    if limit is None:
        return query.limit(rows)
    if isinstance(expression, exp.Literal) and not expression.is_string and expression.name.isdecimal():
        return query.limit(min(int(expression.name), rows))
    return exp.select("*").from_(query.subquery("answer")).limit(rows)


def identifiers(query: "exp.Query") -> "Iterator[exp.Identifier]":
    """The names in a query that are not in quotation marks."""
    from sqlglot import exp

    yield from (one for one in query.find_all(exp.Identifier) if not one.args.get("quoted"))


# --- long values

# DuckDB counts the rows that it keeps against its memory limit. A single list or text is made at once and does not
# count: `range(1000000000)` took all memory of the machine. So no function may make one long value out of a number.

_LONGEST = 100_000
"""The most parts of a list, and letters of a text, that a number in a question makes."""
_SHORTEST_STEPS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_WIDE = re.compile(r"\d{5}|\*|\{[^{}]*\{")
"""A width of many digits in a format, or one that another value gives."""


def _check_long_values(function: "exp.Func") -> None:
    """InvalidRequestError for a function that may make a value of any length."""
    from sqlglot import exp

    in_from = isinstance(function.parent, exp.Table | exp.Lateral)
    if isinstance(function, exp.GenerateSeries) and not isinstance(function, exp.ExplodingGenerateSeries):
        if not in_from and not _is_short_list(function):
            raise InvalidRequestError(
                "the list of numbers or dates may be of any length",
                fix=f"Name it in FROM, as FROM range(10), or give numbers or dates with at most {_LONGEST:,} steps.",
            )
    elif isinstance(function, exp.Pad):
        length = _number(function.expression)
        if length is None or length > _LONGEST:
            raise InvalidRequestError(
                "the text may be of any length", fix=f"Give a length up to {_LONGEST:,} as a number."
            )
    elif isinstance(function, exp.Format) or _is_printf(function):
        pattern = function.this if isinstance(function, exp.Format) else next(iter(function.expressions), None)
        if not isinstance(pattern, exp.Literal) or _WIDE.search(pattern.name):
            raise InvalidRequestError(
                "the format may make a text of any length", fix="Write the format as a text, with short widths."
            )


def _is_printf(function: "exp.Func") -> bool:
    from sqlglot import exp

    return isinstance(function, exp.Anonymous) and str(function.this).lower() == "printf"


def _is_short_list(function: "exp.GenerateSeries") -> bool:
    start, end, step = (function.args.get(name) for name in ("start", "end", "step"))
    first, last = _number(start), _number(end)
    if first is not None and last is not None:
        by = 1 if step is None else _number(step)
        return by is not None and abs(last - first) <= _LONGEST * abs(by)
    days = [_day(start), _day(end)]
    unit = str(step.args.get("unit") or "").upper().removesuffix("S") if step is not None else ""
    return None not in days and unit in _SHORTEST_STEPS and abs((days[1] - days[0]).days) <= _LONGEST  # type: ignore[operator]


def _number(node: "exp.Expr | None") -> int | None:
    from sqlglot import exp

    sign = -1 if isinstance(node, exp.Neg) else 1
    node = node.this if isinstance(node, exp.Neg) else node
    is_number = isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal()
    return sign * int(node.name) if is_number and node is not None else None


def _day(node: "exp.Expr | None") -> date | None:
    from sqlglot import exp

    node = node.this if isinstance(node, exp.Cast) else node
    if not isinstance(node, exp.Literal) or not node.is_string:
        return None
    try:
        return date.fromisoformat(node.name[:10])
    except ValueError:
        return None
