"""The company reader: the generic functions, or the legacy ones on a connection of document type 2.1.

Both have the same methods, so callers need not know the document type.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from intacct_bridge.client.gateway.calls import Calls
from intacct_bridge.client.reading.catalog import CatalogReader
from intacct_bridge.client.reading.query import QueryReader
from intacct_bridge.client.reading.records import Record, Records
from intacct_protocol.errors import RefusedError
from intacct_protocol.model.catalog import Catalog, ObjectDef
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.strict_page import Page, PageHead
from intacct_protocol.xml.values import Value

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_protocol.xml.python_columns import RowBatch


class CompanyReader(Protocol):
    """Definitions and rows of a company."""

    def objects(self) -> dict[str, str]:
        """Every object's name with its label."""

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """An object's fields and relations."""

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """Many definitions. A refused one raises, or is put into `refused`."""

    def start_describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """The same for families of objects; each family comes when all its definitions are known."""

    def lookup(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The definition as the gateway gives it now."""

    def typing(self, name: str) -> ObjectDef | None:
        """The definition for typing a write; None if there is none."""

    def rows(self, query: Query, *, limit: int | None = None) -> Iterator[dict[str, Value]]:
        """Rows, typed as far as types are known."""

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """Pages of cells as the gateway wrote them."""

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """Arrow batches, one a page."""

    def page(self, query: Query) -> Page:
        """One page exactly as the query says."""

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """One page exactly as the query says, as Arrow columns."""

    def row_batch(self, query: Query) -> "tuple[PageHead, RowBatch]":
        """One page exactly as the query says, as columns of Python values."""

    def records(
        self,
        name: str,
        keys: Sequence[str | int],
        *,
        fields: str = "*",
        doc_par_id: str | None = None,
        by_name: bool = False,
    ) -> Iterator[Record]:
        """Records with their lines, by RECORDNO or by their natural key."""


def company_reader(calls: Calls, catalog: CatalogReader, queries: QueryReader) -> CompanyReader:
    """The reader for the connection's document type."""
    if calls.connection.is_legacy:
        from intacct_bridge.client.reading.legacy import LegacyReader

        return LegacyReader(calls)
    return GenericReader(catalog, queries, Records(calls, catalog))


class GenericReader:
    """The `CompanyReader` of the generic functions."""

    def __init__(self, catalog: CatalogReader, queries: QueryReader, records: Records) -> None:
        self._catalog = catalog
        self._queries = queries
        self._records = records

    def objects(self) -> dict[str, str]:
        """Every object's name with its label, whether or not the user may read it."""
        return self._catalog.objects()

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """Looked up when it is first needed."""
        return self._catalog.describe(name, doc_par_id)

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """Looked up in few requests, and kept."""
        return self._catalog.describe_many(names, refused)

    def start_describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """The requests are on their way when this returns."""
        return self._catalog.start_describing(families, refused)

    def lookup(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """Looked up again."""
        return self._catalog.lookup(name, doc_par_id)

    def typing(self, name: str) -> ObjectDef | None:
        """The definition of `describe`."""
        return self._catalog.describe(name)

    def rows(self, query: Query, *, limit: int | None = None) -> Iterator[dict[str, Value]]:
        """Typed rows."""
        return self._queries.rows(query, limit=limit)

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """The walked key is among the cells, selected or not."""
        for _, page in self._queries.pages(query, limit=limit):
            yield page

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """Typed batches of the selected columns."""
        for bound, batch in self._queries.batches(query, limit=limit):
            yield batch.drop_columns([bound.added]) if bound.added else batch

    def page(self, query: Query) -> Page:
        """No key is walked."""
        return self._queries.one_page(query)

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """Typed columns, with the page's counts."""
        return self._queries.one_batch(query)

    def row_batch(self, query: Query) -> "tuple[PageHead, RowBatch]":
        """The same without Arrow."""
        return self._queries.one_row_batch(query)

    def records(
        self,
        name: str,
        keys: Sequence[str | int],
        *,
        fields: str = "*",
        doc_par_id: str | None = None,
        by_name: bool = False,
    ) -> Iterator[Record]:
        """Typed records with their lines; missing keys are skipped."""
        function = "readByName" if by_name else "read"
        return self._records.typed(function, name, keys, fields=fields, doc_par_id=doc_par_id)
