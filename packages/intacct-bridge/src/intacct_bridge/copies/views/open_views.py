"""The views of reporting over a copy that is open for reading: in memory, for a copy in any destination."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from intacct_bridge.copies.views.apply import with_decimals
from intacct_bridge.copies.views.definitions import view_definitions
from intacct_bridge.copies.views.dialects import DUCKDB
from intacct_bridge.copies.views.rendering import CopyShape, lacking_views, render
from intacct_bridge.copies.views.statement_groups import kept_groups
from intacct_protocol.model.sql_text import literal, quoted
from intacct_protocol.model.wording import currency_decimals

if TYPE_CHECKING:
    from intacct_bridge.copies.copy import OpenCopy

_RAW, _BRIDGE, _VIEWS = "memory.raw_tables", "memory.bridge_tables", "memory.reporting"
_MOST_DECIMALS = max(currency_decimals(one) for one in ("USD", "KWD"))
"""Of amounts in a copy that does not name their currency."""


def make_open_views(copy: "OpenCopy", views: Collection[str], *, held: Collection[str] = ()) -> dict[str, str]:
    """Make some views, and those that they read, in the schema `reporting`; why the copy cannot have the others.

    Those of `held` that are needed become tables: they are computed once for all statements that read them.
    """
    shape = _shape(copy)
    definitions = view_definitions()
    lacking = {name: reason for name, reason in views_lacking(copy).items() if name in views}
    needed = _with_used(set(views).difference(lacking))
    for schema in (_RAW, _BRIDGE, _VIEWS):
        copy.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    copy.execute(
        f"CREATE TABLE IF NOT EXISTS {_BRIDGE}.settings (name VARCHAR PRIMARY KEY, value VARCHAR, updated TIMESTAMPTZ)"
    )
    for name, value in copy.settings.items():
        copy.execute(f"INSERT OR REPLACE INTO {_BRIDGE}.settings VALUES ({literal(name)}, {literal(value)}, NULL)")
    tables = {table.object for one in needed for table in definitions[one].tables}.intersection(shape.tables)
    for name in tables:
        _raw(copy, name)
    shape = _decimals_read(copy, shape, tables)
    for name, definition in definitions.items():
        if name in needed:
            copy.execute(render(definition, DUCKDB, shape).statements[0])
            if name in held:
                _hold(copy, name)
    return lacking


def views_lacking(copy: "OpenCopy") -> dict[str, str]:
    """Why the copy cannot have some of the views."""
    return {view.name: view.reason for view in lacking_views(_shape(copy))}


def _shape(copy: "OpenCopy") -> CopyShape:
    return CopyShape(
        {name.upper(): table.column_names for name, table in copy.tables.items()},
        _RAW,
        _BRIDGE,
        _VIEWS,
        groups=kept_groups(copy.settings),
    )


def _decimals_read(copy: "OpenCopy", shape: CopyShape, tables: Collection[str]) -> CopyShape:
    """The shape with the decimals of the currencies in the tables that the views read, and of the company's own."""
    listed: dict[str, int] = {}
    if {"CODE", "DECIMALPLACES"} <= set(shape.tables.get("TRXCURRENCIES", ())):
        _raw(copy, "TRXCURRENCIES")
        rows = copy.rows(f'SELECT "CODE", CAST("DECIMALPLACES" AS VARCHAR) FROM {_RAW}."TRXCURRENCIES"')
        listed = {code: int(text) for code, text in rows if text is not None and text.isdecimal()}

    def named(column: str) -> set[str]:
        tables_with = [name for name in tables if column in shape.tables[name]]
        answers = [
            copy.rows(f"SELECT DISTINCT CAST({quoted(column)} AS VARCHAR) FROM {_RAW}.{quoted(table)}")
            for table in tables_with
        ]
        return {text for rows in answers for (text,) in rows if text}

    base = named("BASECURR") | {one for one in (copy.settings.get("base_currency", ""),) if one}
    every = base | named("CURRENCY")
    return with_decimals(shape, base, every, listed, usual=_MOST_DECIMALS)


def _hold(copy: "OpenCopy", name: str) -> None:
    """Put a table with its rows in the place of a view."""
    copy.execute(f"CREATE TABLE {_BRIDGE}.{name} AS SELECT * FROM {_VIEWS}.{name}")
    copy.execute(f"CREATE OR REPLACE VIEW {_VIEWS}.{name} AS SELECT * FROM {_BRIDGE}.{name}")


def _with_used(names: Collection[str]) -> set[str]:
    """Views with all those that they read."""
    needed, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += view_definitions()[name].uses
    return needed


def _raw(copy: "OpenCopy", name: str) -> None:
    """A table as the views read it."""
    table = next(one for one in copy.tables.values() if one.name.upper() == name)
    columns = ", ".join(quoted(one) for one in table.column_names)
    copy.execute(
        f"CREATE OR REPLACE VIEW {_RAW}.{quoted(name)} AS SELECT {columns}, CAST(NULL AS TIMESTAMPTZ) AS _deleted_at "
        f"FROM {copy.relation(table.name)}"
    )
