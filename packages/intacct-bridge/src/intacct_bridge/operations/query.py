"""Query: the rows of one object, and of a custom report."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.client import Client
from intacct_bridge.client.reading.query import column
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.query.where import parse_order, parse_select, parse_where

if TYPE_CHECKING:
    import pyarrow as pa


__all__ = ["QueryRequest", "QueryRows", "ReportRequest", "query", "report", "report_prompts"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """What to read, in the user's words."""

    object: str
    select: str = "*"
    """Fields with commas between them; `VENDOR.NAME` is a field of a related object."""
    where: str = ""
    """A condition such as `TOTALDUE > 0 and STATE = 'Posted'`."""
    order_by: str = ""
    """Fields to sort by; DESC after one reverses it."""
    limit: int = 0
    """Read at most so many rows; 0: all."""
    ignore_case: bool = False
    """Ignore case when comparing text."""
    shared_only: bool = False
    """Leave out records that belong to an entity."""
    document_type: str | None = None
    """Include the custom fields of this transaction definition."""
    map: Path | None = None
    """Give the records in the columns of this mapping."""
    nested: bool = False
    """With a mapping: in its shape, with lists inside."""


@dataclass(frozen=True, slots=True)
class QueryRows:
    """The rows of a query, which arrive as they are read."""

    object: str
    """The object's name as Intacct writes it."""
    rows: Iterable[Row]
    columns: Callable[[], tuple[str, ...]]
    """The columns of the rows, also for an answer without rows."""
    batches: "Callable[[], Iterator[pa.RecordBatch]]"
    """The same rows as Arrow, in place of `rows`. SettingsError with a mapping."""


def query(client: Client, request: QueryRequest) -> QueryRows:
    """The rows of one object. InvalidRequestError for an unknown object or field."""
    asked = _query(client, request)
    limit = request.limit or None
    if request.map is None:
        return QueryRows(
            asked.object,
            client.query(asked, limit=limit),
            lambda: _columns(client, asked),
            lambda: client.batches(asked, limit=limit),
        )
    return _mapped(client, asked, request, request.map)


def _query(client: Client, request: QueryRequest) -> Query:
    document_type = request.document_type
    if document_type is not None:
        from intacct_bridge.extract.selection import definition

        document_type = definition(client, request.object, document_type)
    return Query(
        request.object.upper(),
        parse_select(request.select),
        where=parse_where(request.where) if request.where else None,
        order=parse_order(request.order_by) if request.order_by else (),
        case_insensitive=request.ignore_case,
        show_private=not request.shared_only and not client.connection.location_id,
        doc_par_id=document_type,
    )


def _columns(client: Client, asked: Query) -> tuple[str, ...]:
    if client.connection.is_legacy:
        return tuple(str(one).lower() for one in asked.select if one != "*")
    if "*" in asked.select:
        return client.queryable(asked.object, asked.doc_par_id)
    return tuple(map(column, asked.select))


def _mapped(client: Client, asked: Query, request: QueryRequest, path: Path) -> QueryRows:
    """The rows through a mapping, flat for a table and nested for JSON."""
    from intacct_bridge.export_maps.maps import flat_columns, read_map
    from intacct_bridge.export_maps.records import mapped_records, mapped_rows

    entity = read_map(path)
    if asked.select != ("*",):
        raise SettingsError("`map` and `select` do not go together", fix="The mapping names the fields.")
    if entity.read_object != asked.object:
        raise SettingsError(f"{path} maps {entity.read_object}, not {asked.object}", fix="Name that object.")

    def refuse() -> "Iterator[pa.RecordBatch]":
        raise SettingsError(
            "`map` writes CSV, JSON or a table", fix="For Parquet: intacct extract --map ... --to parquet:DIR"
        )

    read = mapped_records if request.nested else mapped_rows
    rows = read(client, entity, asked, limit=request.limit)
    return QueryRows(asked.object, rows, lambda: tuple(flat_columns(entity)), refuse)


# --- custom reports


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A custom report."""

    name: str
    """As Intacct's own list of custom reports has it; no function of the gateway lists them."""
    arguments: Mapping[str, str | tuple[date, date]] = field(default_factory=dict)
    """Answers to its prompts, such as `APBILL.WHENCREATED` with a first and a last day."""
    interactive: bool = False
    """A report of the interactive report writer."""
    timeout: float = 900
    """Wait at most this many seconds."""


def report(client: Client, request: ReportRequest) -> Iterator[Row]:
    """The rows of a custom report."""
    return client.reports.run(
        request.name, dict(request.arguments), interactive=request.interactive, timeout=request.timeout
    )


def report_prompts(client: Client, name: str, *, interactive: bool = False) -> Mapping[str, str]:
    """The prompts of a custom report, with their labels."""
    return client.reports.parameters(name, interactive=interactive)
