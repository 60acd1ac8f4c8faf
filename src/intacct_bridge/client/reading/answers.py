"""What answers a client's questions: the generic functions, or on document type 2.1 the older ones.

Both are asked in the same words, so that nobody above needs to know the document type.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from intacct_bridge.client.gateway.calls import Asking
from intacct_bridge.client.reading.catalog import Descriptions
from intacct_bridge.client.reading.legacy import LegacyReading
from intacct_bridge.client.reading.query import Reading
from intacct_bridge.client.reading.records import Record, Records
from intacct_bridge.errors import RefusedError
from intacct_bridge.model.catalog import Catalog, ObjectDef
from intacct_bridge.model.query.query import Query
from intacct_bridge.wire.page import Page, PageHead
from intacct_bridge.wire.values import Value

if TYPE_CHECKING:
    import pyarrow as pa


class Answers(Protocol):
    """What a company looks like and what is in it."""

    def objects(self) -> dict[str, str]:
        """Every object's name with its label."""

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """An object's fields and relations."""

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """Many definitions; those that are refused raise, or are put into `refused`."""

    def describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """The same, as they become known."""

    def fresh(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The definition as it is now, whatever is known of it."""

    def typing(self, name: str) -> ObjectDef | None:
        """The definition for typing a write, None where there is none to be had."""

    def rows(self, query: Query, *, limit: int | None = None) -> Iterator[dict[str, Value]]:
        """Rows, as far as they can be typed."""

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """Pages of cells as the gateway wrote them."""

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """Arrow batches, one a page."""

    def page(self, query: Query) -> Page:
        """One page exactly as the query says."""

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """One page exactly as the query says, as Arrow columns."""

    def records(
        self,
        name: str,
        keys: Sequence[str | int],
        *,
        fields: str = "*",
        doc_par_id: str | None = None,
        by_name: bool = False,
    ) -> Iterator[Record]:
        """Whole records by RECORDNO, or by their natural key."""


def answers_of(asking: Asking, descriptions: Descriptions, reading: Reading) -> Answers:
    """Those of the connection's document type."""
    if asking.connection.older:
        return LegacyReading(asking)
    return GenericAnswers(descriptions, reading, Records(asking, descriptions))


class GenericAnswers:
    """The Answers of the generic functions."""

    def __init__(self, descriptions: Descriptions, reading: Reading, records: Records) -> None:
        self._descriptions = descriptions
        self._reading = reading
        self._records = records

    def objects(self) -> dict[str, str]:
        """Every object's name with its label, whether or not the user may read it."""
        return self._descriptions.objects()

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """Looked up when it is first needed."""
        return self._descriptions.describe(name, doc_par_id)

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """In few requests, and kept."""
        return self._descriptions.describe_many(names, refused)

    def describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """In few requests that are on their way when this returns."""
        return self._descriptions.describing(families, refused)

    def fresh(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """Looked up again."""
        return self._descriptions.fresh(name, doc_par_id)

    def typing(self, name: str) -> ObjectDef | None:
        """The same definition."""
        return self._descriptions.describe(name)

    def rows(self, query: Query, *, limit: int | None = None) -> Iterator[dict[str, Value]]:
        """Typed rows."""
        return self._reading.rows(query, limit=limit)

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """The walked key is among the cells, asked for or not."""
        for _, page in self._reading.pages(query, limit=limit):
            yield page

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """Typed batches of what was asked for."""
        for bound, batch in self._reading.batches(query, limit=limit):
            yield batch.drop_columns([bound.added]) if bound.added else batch

    def page(self, query: Query) -> Page:
        """Nothing is walked."""
        return self._reading.one_page(query)

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """Typed columns, with what the gateway said about them."""
        return self._reading.one_batch(query)

    def records(
        self,
        name: str,
        keys: Sequence[str | int],
        *,
        fields: str = "*",
        doc_par_id: str | None = None,
        by_name: bool = False,
    ) -> Iterator[Record]:
        """Typed, with owned lines; keys that are not there give nothing."""
        function = "readByName" if by_name else "read"
        return self._records.typed(function, name, keys, fields=fields, doc_par_id=doc_par_id)
