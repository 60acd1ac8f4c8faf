"""The gateway protocols: what reading and loading need of one company through one connection.

`client.client.Client` is the gateway: it reads with the generic functions, or with those of document type 2.1 where
only these reach an object, and its callers need not know which. Another implementation has the same methods; a test's
stand-in has those that it is asked for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from intacct_bridge.client.gateway.calibration import Calibration
from intacct_bridge.client.gateway.session import SignIn
from intacct_bridge.connections.connection import Connection
from intacct_protocol.errors import RefusedError
from intacct_protocol.model.catalog import Catalog, ObjectDef
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.envelope import Function, Result
from intacct_protocol.xml.reply import BeforeSend, no_callback
from intacct_protocol.xml.strict_page import Page, PageHead
from intacct_protocol.xml.values import Formatting, Value
from intacct_protocol.xml.xml import Element

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_bridge.client.attachments import Attachments
    from intacct_bridge.client.reading.catalog import FinancialSetup
    from intacct_bridge.client.reading.reports import Reports
    from intacct_protocol.xml.python_columns import RowBatch

Row = Mapping[str, Value]


class TransactionMeter(Protocol):
    """The count of billable transactions."""

    @property
    def transactions(self) -> int:
        """Billable API transactions so far."""


class Gateway(Protocol):
    """One company through one connection: definitions, rows, and functions that are sent once."""

    @property
    def connection(self) -> Connection:
        """The company, user and entity."""

    @property
    def meter(self) -> TransactionMeter:
        """The transactions used so far."""

    @property
    def company_time(self) -> datetime:
        """The gateway's clock, in UTC."""

    @property
    def formatting(self) -> Formatting:
        """How answers write dates and times for this user."""

    @property
    def financial_setup(self) -> "FinancialSetup":
        """The company's base currency, books and fiscal year; empty if the user may not read them."""

    def entity(self, location_id: str, /) -> "Gateway":
        """The same company, signed in to one of its entities."""

    def describe(self, object_name: str, doc_par_id: str | None = None, /) -> ObjectDef:
        """An object's fields and relations; `doc_par_id` names a transaction definition for its custom fields."""

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None, /) -> Catalog:
        """Many definitions in few requests; a refused one raises, or is put into `refused`."""

    def inspect(self, object_name: str, /) -> ObjectDef:
        """An object's fields with the lengths of text."""

    def inspect_many(self, names: Iterable[str], /) -> None:
        """Read what `inspect` gives of many objects in few requests."""

    def query(self, query: Query, /) -> Iterator[Row]:
        """Typed rows."""

    def read_together(
        self, queries: Sequence[Query], functions: Sequence[Element] = (), /
    ) -> tuple[Sequence[Iterator[Row]], tuple[Result, ...]]:
        """The rows of queries and the results of reading functions in one request; refused rows raise when taken."""

    def ask(self, function: Element, /) -> Result:
        """Call one function that changes nothing; a failed result raises."""

    def call(self, *functions: Element, read: bool = False) -> tuple[Result, ...]:
        """Call functions in one request; failed ones are results."""

    def submit(
        self, functions: Sequence[Function], /, *, transaction: bool = False, before_send: BeforeSend = no_callback
    ) -> tuple[Result, ...]:
        """Send writes once, calling `before_send` before the bytes do; failed functions are results.

        InDoubtError if they may have been applied; ConnectionCutError(sent=False), RefusedError or TransientError
        if they were certainly not.
        """


class ReadGateway(Gateway, Protocol):
    """A `Gateway` for reading: with the catalogue in few requests, pages, calibration, attachments and reports."""

    @property
    def calibration(self) -> Calibration:
        """The measurements of `intacct doctor` for this company."""

    @property
    def attachments(self) -> "Attachments":
        """Files attached to records."""

    @property
    def reports(self) -> "Reports":
        """Custom reports."""

    def entity(self, location_id: str, /) -> "ReadGateway":
        """The same company, signed in to one of its entities."""

    def sign_in(self) -> SignIn:
        """Sign in, if there is no session yet."""

    def formatting_read_at(self) -> datetime:
        """The company's time when the formatting was read."""

    def forget_stored_formatting(self) -> bool:
        """Forget the formatting if an earlier run read it. True if an earlier run read it."""

    def forget_stored_definition(self, object_name: str, doc_par_id: str | None = None, /) -> bool:
        """Forget a definition if an earlier run read it. True if an earlier run read it."""

    def begin_run(self) -> None:
        """What is known of the catalogue counts as read by an earlier run, and what is too old is read again."""

    def objects(self) -> dict[str, str]:
        """Every object's name with its label, whether or not the user may read it."""

    def start_describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError], /
    ) -> Iterator[Sequence[Sequence[str]]]:
        """The same while the caller does other work; families come when all their definitions are known."""

    def queryable(self, object_name: str, doc_par_id: str | None = None, /) -> tuple[str, ...]:
        """An object's fields without those that the gateway was found to refuse in a query."""

    def page(self, query: Query, /) -> Page:
        """One page exactly as the query says."""

    def pages(self, query: Query, /) -> Iterator[Page]:
        """All pages, as text cells."""

    def batch(self, query: Query, /) -> "tuple[PageHead, pa.RecordBatch]":
        """One page exactly as the query says, as typed Arrow columns."""

    def row_batch(self, query: Query, /) -> "tuple[PageHead, RowBatch]":
        """The same as columns of Python values."""

    def batches(self, query: Query, /) -> "Iterator[pa.RecordBatch]":
        """All pages, as typed Arrow columns."""
