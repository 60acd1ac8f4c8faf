"""Making the views in the database of a copy, and keeping them in step with its tables."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.copies.destinations.sql import SqlDestination
from intacct_bridge.copies.destinations.stored_views import StoredView
from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.copies.views.definitions import column_name
from intacct_bridge.copies.views.dialects import DIALECTS
from intacct_bridge.copies.views.rendering import CopyShape, SkippedView, render_views
from intacct_bridge.copies.views.statement_groups import GROUPS_TABLE, KEPT, kept_text, unknown_groups
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.model.uri_text import redacted
from intacct_protocol.model.wording import currency_decimals

REPORTING = "reporting"
LOWER = "raw"
Groups = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class AppliedViews:
    """What was made."""

    schema: str
    views: tuple[str, ...] = ()
    skipped: tuple[SkippedView, ...] = ()
    changed: bool = False
    """False if everything was there already."""


@contextmanager
def open_database(uri: str) -> Iterator[SqlDestination]:
    """The database of a copy, open for views. SettingsError if there is none."""
    at = parse_uri(uri)
    if not at.is_database:
        raise SettingsError(
            f"{redacted(uri)} is not a database", fix="views are made in DuckDB and PostgreSQL: duckdb:///FILE"
        )
    if at.scheme == "duckdb" and not Path(at.path).is_file():
        raise SettingsError(f"there is no file {at.path}", fix=f"create it with: intacct extract --to {redacted(uri)}")
    database = open_destination(uri)
    assert isinstance(database, SqlDestination)
    with database.attached():
        yield database


def has_lower_names(destination: SqlDestination) -> bool:
    """Whether the copy has the views of its tables under lower-case names."""
    return any(one.layout == LOWER for one in destination.database.run(destination.views.stored))


def apply_views(destination: SqlDestination, groups: Groups | None = None) -> AppliedViews:
    """Make the views of reporting, or make them again if the tables changed; all of it in one transaction."""
    dialect = DIALECTS[destination.dialect]
    _check_groups(destination, groups or {})
    shape = copy_shape(destination, groups or {})
    rendered, skipped = render_views(dialect, shape)
    views = [StoredView(f"{shape.reporting}.{one.name}", one.kind, one.statements) for one in rendered]
    changed = replace_views(destination, REPORTING, shape.reporting, views)
    if destination.settings().get(KEPT, kept_text({})) != kept_text(groups or {}):
        destination.keep_settings({KEPT: kept_text(groups or {})}, datetime.now(UTC))
    destination.gather_statistics()
    return AppliedViews(shape.reporting.strip('"'), tuple(one.name for one in rendered), tuple(skipped), changed)


def _check_groups(destination: SqlDestination, groups: Groups) -> None:
    """SettingsError if statements are to follow groups, and the copy cannot say which accounts these hold."""
    if not groups:
        return
    if "GLACCTGRPNAME" not in destination.complete_tables().get(GROUPS_TABLE, ()):
        raise SettingsError(
            f"[reporting] names account groups, and the copy has no {GROUPS_TABLE}, which says what they hold",
            fix=f"extract it as well: intacct extract {GROUPS_TABLE} --to ...",
        )
    unknown_groups(groups, sorted(_distinct(destination, GROUPS_TABLE, "GLACCTGRPNAME")))


def apply_lower_names(destination: SqlDestination) -> AppliedViews:
    """Make a view of each table in the schema `raw`: lower-case names without dots, without deleted rows."""
    tables = destination.complete_tables()
    schema = view_schema(destination, LOWER)
    views = [
        StoredView(
            f"{schema}.{quoted(column_name(name))}", "view", (_lower_view(destination, schema, name, columns),), LOWER
        )
        for name, columns in sorted(tables.items())
    ]
    changed = replace_views(destination, LOWER, schema, views)
    return AppliedViews(schema.strip('"'), tuple(one.name for one in views), (), changed)


def _lower_view(destination: SqlDestination, schema: str, table: str, columns: Sequence[str]) -> str:
    listed = ",\n    ".join(
        f"{quoted(one)} AS {quoted(lower)}" for one, lower in lower_names(columns).items() if one != "_deleted_at"
    )
    source = f"{destination.schemas[0]}.{quoted(table)}"
    view = f"{schema}.{quoted(column_name(table))}"
    return f"CREATE VIEW {view} AS\nSELECT\n    {listed}\nFROM {source}\nWHERE _deleted_at IS NULL"


def lower_names(columns: Sequence[str]) -> dict[str, str]:
    """A lower-case name without dots for each column; if two would be the same, the later one gets a number."""
    lowered: dict[str, str] = {}
    used: set[str] = set()
    for column in columns:
        name, number = column_name(column), 1
        while name in used:
            number += 1
            name = f"{column_name(column)}_{number}"
        used.add(name)
        lowered[column] = name
    return lowered


def replace_views(destination: SqlDestination, layout: str, schema: str, views: Sequence[StoredView]) -> bool:
    """Make the views of one layout, in place of those that are there; whether anything changed."""

    def replace() -> bool:
        if views:
            destination.database.create_schema(schema)
        return destination.views.replace(layout, views)

    return destination.database.run(replace)


def view_schema(destination: SqlDestination, name: str) -> str:
    """The schema of views: a copy outside of the usual schema of PostgreSQL has its own."""
    return schema_of_views(destination.schemas[0].strip('"'), name)


def schema_of_views(tables: str, name: str) -> str:
    """The schema of views, quoted, beside the schema with the tables of a copy."""
    return name if tables in ("main", "public") else quoted(f"{tables}_{name}")


def copy_shape(destination: SqlDestination, groups: Groups) -> CopyShape:
    """What the SQL of views depends on, read from the copy."""
    tables = destination.complete_tables()
    listed = _listed_decimals(destination, tables)
    base = _currencies(destination, tables, ("BASECURR",)) | {destination.settings().get("base_currency", "")}
    every = base | _currencies(destination, tables, ("CURRENCY",))
    schema, bridge = destination.schemas
    shape = CopyShape(tables, schema, bridge, view_schema(destination, REPORTING), groups=groups)
    return with_decimals(shape, base, every, listed)


def _listed_decimals(destination: SqlDestination, tables: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The decimals of the currencies that the company lists."""
    if not {"CODE", "DECIMALPLACES"} <= set(tables.get("TRXCURRENCIES", ())):
        return {}
    ask = (
        f'SELECT "CODE", CAST("DECIMALPLACES" AS VARCHAR) FROM {destination.schemas[0]}."TRXCURRENCIES" '
        'WHERE _deleted_at IS NULL AND "DECIMALPLACES" IS NOT NULL'
    )
    rows = destination.database.run(lambda: destination.database.execute(ask))
    return {code: int(text) for code, text in rows if text.isdecimal()}


_HEADERS = ("LOCATIONENTITY", "APBILL", "ARINVOICE", "APPYMT", "ARPYMT", "GLBUDGETHEADER")
_LEDGER = "GLDETAIL"


def _currencies(destination: SqlDestination, tables: Mapping[str, Sequence[str]], columns: Sequence[str]) -> set[str]:
    """The currencies in use: those of entities, documents, and of the ledger if the copy has no documents."""
    currencies: set[str] = set()
    for table in (*_HEADERS, _LEDGER):
        for column in columns:
            if column in tables.get(table, ()):
                currencies |= _distinct(destination, table, column)
    return currencies


def with_decimals(
    shape: CopyShape, base: Collection[str], every: Collection[str], listed: Mapping[str, int], *, usual: int = 2
) -> CopyShape:
    """A shape with the decimals of currencies: as the company lists them, else by ISO 4217; `usual` without any."""
    decimals = {one: listed.get(one, currency_decimals(one)) for one in {*base, *every, *listed} if one}
    return replace(
        shape,
        decimals=max((decimals[one] for one in base if one), default=usual),
        trx_decimals=max((decimals[one] for one in every if one), default=usual),
        known_decimals=decimals,
    )


def _distinct(destination: SqlDestination, table: str, column: str) -> set[str]:
    ask = f"SELECT DISTINCT {quoted(column)} FROM {destination.schemas[0]}.{quoted(table)}"
    return {one for (one,) in destination.database.run(lambda: destination.database.execute(ask)) if one}
