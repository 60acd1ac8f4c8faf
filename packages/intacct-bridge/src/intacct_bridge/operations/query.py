"""Query: the objects of a company, the rows of one of them, and the rows of a custom report."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from intacct_bridge.client.client import Client
from intacct_bridge.client.reading.query import column
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.query.query import MAX_PAGE, Query
from intacct_protocol.model.query.where import parse_order, parse_select, parse_where

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_bridge.runs.recorder import RunRecorder


__all__ = ["QueryRequest", "QueryRows", "ReportRequest", "list_objects", "query", "report", "report_prompts"]

Row = Mapping[str, Any]
Part = TypeVar("Part")


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
    """The most rows to read; 0: all."""
    offset: int = 0
    """Leave out this many rows at the beginning."""
    ignore_case: bool = False
    """Ignore case when comparing text."""
    shared_only: bool = False
    """Leave out records that belong to an entity."""
    document_type: str | None = None
    """Include the custom fields of this transaction definition."""
    page_size: int = 0
    """The rows of one request; 0: as many as the gateway gives."""
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


def list_objects(client: Client, pattern: str = "") -> list[tuple[str, str]]:
    """The objects of the company with their labels, all or those with a part in the name or label, or a pattern with *
    or ?.
    """
    upper = pattern.upper()

    def matches(name: str, label: str) -> bool:
        if any(char in upper for char in "*?["):
            return fnmatch(name.upper(), upper)
        return upper in name.upper() or upper in label.upper()

    return [(name, label) for name, label in sorted(client.objects().items()) if matches(name, label)]


def query(client: Client, request: QueryRequest, *, run: "RunRecorder | None" = None) -> QueryRows:
    """The rows of one object. InvalidRequestError for an unknown object or field.

    `run` is the run of the history that counts the rows as they are read.
    """
    query = _query(client, request)
    limit = request.limit or None
    if request.map is None:
        return QueryRows(
            query.object,
            _counted(client.query(query, limit=limit), query.object, run, lambda _: 1),
            lambda: _columns(client, query),
            lambda: _counted(client.batches(query, limit=limit), query.object, run, lambda batch: int(batch.num_rows)),
        )
    return _mapped(client, query, request, request.map, run)


def _counted(
    parts: Iterable[Part], name: str, run: "RunRecorder | None", rows_of: Callable[[Part], int]
) -> Iterator[Part]:
    """Rows or batches, whose number the run notes at their end."""
    rows = 0
    try:
        for part in parts:
            rows += rows_of(part)
            yield part
    finally:
        if run is not None:
            run.add_rows(name, rows)


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
        page_size=request.page_size or MAX_PAGE,
        offset=request.offset,
    )


def _columns(client: Client, query: Query) -> tuple[str, ...]:
    if "*" in query.select:
        return client.queryable(query.object, query.doc_par_id)
    return tuple(map(column, query.select))


def _mapped(client: Client, query: Query, request: QueryRequest, path: Path, run: "RunRecorder | None") -> QueryRows:
    """The rows through a mapping, flat for a table and nested for JSON."""
    from intacct_bridge.export_maps import flat_columns, mapped_records, mapped_rows, read_map

    entity = read_map(path)
    if query.select != ("*",):
        raise SettingsError("`map` and `select` do not go together", fix="The mapping names the fields.")
    if entity.read_object != query.object:
        raise SettingsError(f"{path} maps {entity.read_object}, not {query.object}", fix="Name that object.")

    def refuse() -> "Iterator[pa.RecordBatch]":
        raise SettingsError(
            "`map` writes CSV, JSON or a table", fix="For Parquet: intacct extract --map ... --to parquet:DIR"
        )

    read = mapped_records if request.nested else mapped_rows
    rows = _counted(read(client, entity, query, limit=request.limit), query.object, run, lambda _: 1)
    return QueryRows(query.object, rows, lambda: tuple(flat_columns(entity)), refuse)


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


def report(client: Client, request: ReportRequest, *, run: "RunRecorder | None" = None) -> Iterator[Row]:
    """The rows of a custom report; `run` is the run of the history that counts them."""
    rows = client.reports.run(
        request.name, dict(request.arguments), interactive=request.interactive, timeout=request.timeout
    )
    return _counted(rows, request.name, run, lambda _: 1)


def report_prompts(client: Client, name: str, *, interactive: bool = False) -> Mapping[str, str]:
    """The prompts of a custom report, with their labels."""
    return client.reports.parameters(name, interactive=interactive)
