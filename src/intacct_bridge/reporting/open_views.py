"""The views of reporting over a copy that is open for reading: in memory, for a copy in any destination."""

from collections.abc import Collection

from intacct_bridge.flow.reconcile.copy_reader import CopyReader
from intacct_bridge.model.sql_text import quoted
from intacct_bridge.model.wording import currency_decimals
from intacct_bridge.reporting.definitions import view_definitions
from intacct_bridge.reporting.dialects import DUCKDB
from intacct_bridge.reporting.rendering import CopyShape, lacking_views, render

_RAW, _BRIDGE, _VIEWS = "memory.raw_tables", "memory.bridge_tables", "memory.reporting"
_MOST_DECIMALS = max(currency_decimals(one) for one in ("USD", "KWD"))
"""Currencies have up to three decimals; more of them change no sum."""


def make_open_views(copy: CopyReader, wanted: Collection[str], *, held: Collection[str] = ()) -> dict[str, str]:
    """Make some views, and those that they read, in the schema `reporting`; why the copy cannot have the others.

    Those of `held` that are needed become tables: they are computed once for all statements that read them.
    """
    shape = CopyShape(
        {name.upper(): table.column_names for name, table in copy.tables.items()},
        _RAW,
        _BRIDGE,
        _VIEWS,
        decimals=_MOST_DECIMALS,
        trx_decimals=_MOST_DECIMALS,
    )
    definitions = view_definitions()
    lacking = {one.name: one.reason for one in lacking_views(shape) if one.name in wanted}
    needed = _with_used(set(wanted).difference(lacking))
    for schema in (_RAW, _BRIDGE, _VIEWS):
        copy.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    copy.execute(
        f"CREATE TABLE IF NOT EXISTS {_BRIDGE}.settings (name VARCHAR PRIMARY KEY, value VARCHAR, updated TIMESTAMPTZ)"
    )
    for name in {table.object for one in needed for table in definitions[one].tables}.intersection(shape.tables):
        _raw(copy, name)
    for name, definition in definitions.items():
        if name in needed:
            copy.execute(render(definition, DUCKDB, shape).statements[0])
            if name in held:
                _hold(copy, name)
    return lacking


def _hold(copy: CopyReader, name: str) -> None:
    """Put a table with its rows in the place of a view."""
    copy.execute(f"CREATE TABLE {_BRIDGE}.{name} AS SELECT * FROM {_VIEWS}.{name}")
    copy.execute(f"CREATE OR REPLACE VIEW {_VIEWS}.{name} AS SELECT * FROM {_BRIDGE}.{name}")


def _with_used(names: Collection[str]) -> set[str]:
    """Views with all those that they read."""
    found, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += view_definitions()[name].uses
    return found


def _raw(copy: CopyReader, name: str) -> None:
    """A table as the views read it."""
    table = next(one for one in copy.tables.values() if one.name.upper() == name)
    columns = ", ".join(quoted(one) for one in table.column_names)
    copy.execute(
        f"CREATE OR REPLACE VIEW {_RAW}.{quoted(name)} AS SELECT {columns}, CAST(NULL AS TIMESTAMPTZ) AS _deleted_at "
        f"FROM {copy.relation(table.name)}"
    )
