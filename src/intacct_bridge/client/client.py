"""The client: one company through one connection, everything the library does with it in one place.

It knows no protocol; it puts the rooms below together and gives them one session. Threads may share it; close it.

Arrow batches joined into one table, for those who want all rows at once. Needs the `data` extra.

The way in: a client by the name of its connection.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from intacct_bridge.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.attachments import Attachments
from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.client.connections.sources import load_connection
from intacct_bridge.client.gateway.calibration import Calibration
from intacct_bridge.client.gateway.calls import Asking, successful
from intacct_bridge.client.gateway.meter import Meter
from intacct_bridge.client.gateway.runtime import Runtime, System
from intacct_bridge.client.gateway.session import Session, Signed
from intacct_bridge.client.reading.catalog import Descriptions, inspected
from intacct_bridge.client.reading.catalog_cache import Cabinet
from intacct_bridge.client.reading.query import QueryReader, answers_of, question
from intacct_bridge.client.reading.records import Record
from intacct_bridge.client.reading.reports import Reports
from intacct_bridge.client.writing import Outcome, RowFunctions, send_each, upsert_functions
from intacct_bridge.errors import RefusedError
from intacct_bridge.model.catalog import Catalog, ObjectDef, object_from_inspect
from intacct_bridge.model.query.query import Filter, Order, Query, Selected
from intacct_bridge.wire.envelope import Function, Result
from intacct_bridge.wire.page import Page, PageHead
from intacct_bridge.wire.reply import Leaving, Transport, unheard
from intacct_bridge.wire.values import Formatting, Value
from intacct_bridge.wire.xml import Element


def table_of(batches: "Iterable[pa.RecordBatch]") -> "pa.Table":
    """One table; a column that was widened in one batch (an INTEGER with a fraction) is widened in all."""
    try:
        import pyarrow as pa
    except ImportError:
        raise SettingsError(
            "tables need the package `pyarrow`, which is not installed", fix="Run: pip install 'intacct-bridge[data]'"
        ) from None
    tables = [pa.Table.from_batches([batch]) for batch in batches]
    return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})


class Client:
    """Reads from and writes to one company.

    `transport` takes the network's place (the emulator is one). `max_transactions` stops before a request that would
    pass it. `keep`: definitions and the month's transactions are kept on this machine, by default where the transport
    is the network (of a gateway on this machine, definitions only); a folder keeps the definitions there.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        transport: Transport | None = None,
        max_transactions: int | None = None,
        keep: bool | Path | None = None,
        system: System | None = None,
    ) -> None:
        system = system or System()
        runtime = Runtime(connection, transport, max_transactions=max_transactions, keep=keep, system=system)
        cabinet = Cabinet(connection, runtime.cache, wall=system.wall)
        session = Session(runtime.exchange, clock=system.clock, sleep=system.sleep, jitter=system.jitter)
        self._assemble(runtime, cabinet, session=session)

    def _assemble(self, runtime: Runtime, cabinet: Cabinet, *, session: Session, owner: bool = True) -> None:
        self._runtime = runtime
        self._cabinet = cabinet
        self._session = session
        self._owner = owner
        self._asking = Asking(session)
        self._descriptions = Descriptions(self._asking, cabinet)
        self._reading = QueryReader(self._asking, self._descriptions)
        self._answers = answers_of(self._asking, self._descriptions, self._reading)
        self._functions = RowFunctions(
            self._answers.typing, is_legacy=self.connection.is_legacy, formatting=self._descriptions.formatting
        )

    # --- the connection

    @property
    def connection(self) -> Connection:
        """The settings; in an entity's client, with that entity as its location."""
        own = self._runtime.connection
        return own if self._session.location_id is None else replace(own, location_id=self._session.location_id)

    @property
    def meter(self) -> Meter:
        """What was used so far, the entities' clients' use among it."""
        return self._runtime.meter

    @property
    def company_time(self) -> datetime:
        """The gateway's clock in UTC, from its last answer; signs in where there was none yet."""
        clock = self._runtime.exchange.server_clock
        if clock.now() is None:
            self._session.sign_in()
        if (now := clock.now()) is None:
            raise RefusedError("the gateway's answers do not tell the time")
        return now

    @property
    def month_to_date(self) -> int | None:
        """The company's API transactions this month, counted on this machine; None where no count is kept."""
        return self._runtime.month_to_date(self.company_time)

    @property
    def runtime(self) -> Runtime:
        """What this client shares with its entities' clients, and the calibration of the company."""
        return self._runtime

    @property
    def calibration(self) -> Calibration:
        """What `intacct doctor` has learned about this company, kept on this machine."""
        return self._runtime.calibration

    def sign_in(self) -> Signed:
        """Who is signed in and where; makes one call where there is no session yet.

        >>> client.sign_in().company_id
        'demo-company'
        """
        return self._session.sign_in()

    @contextmanager
    def signing_in(self) -> Iterator[None]:
        """Sign in while the body does what needs no answer, such as importing; what went wrong is raised at its end."""
        if self.connection.authentication == "login":  # every request signs in itself
            yield
            return
        with ThreadPoolExecutor(1, "sign-in") as aside:
            signed = aside.submit(self.sign_in)
            yield
        signed.result()

    def entity(self, location_id: str) -> "Client":
        """A client in that entity, or at the top level for an empty id; it shares this one's sockets, pace and count.

        Usable as a context manager, which then ends with it: `with client.entity("100") as inside: ...`

        >>> with client.entity("100") as inside:
        ...     inside.connection.location_id
        '100'
        """
        inside = object.__new__(Client)
        inside._assemble(self._runtime, self._cabinet, session=self._session.derived(location_id), owner=False)
        return inside

    def close(self) -> None:
        """Close the sockets and keep what was learned; an entity's client leaves that to the one it came from."""
        self._cabinet.save()
        if self._owner:
            self._runtime.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self.connection.target}>"

    # --- what the company looks like

    @property
    def formatting(self) -> Formatting:
        """How this user's answers write dates and times; asked for once."""
        return self._descriptions.formatting()

    def formatting_read_at(self) -> datetime:
        """The company's time when the formatting was read: it may have been changed since."""
        return self.company_time - timedelta(seconds=self._descriptions.formatting_age())

    def doubt_formatting(self) -> bool:
        """Forget the formatting if an earlier run read it, so that it is asked for again; whether one did."""
        return self._descriptions.doubt_formatting()

    @property
    def catalog(self) -> Catalog:
        """The definitions that have been needed so far."""
        return self._descriptions.catalog()

    def objects(self) -> dict[str, str]:
        """Every object's name with its label, whether or not the user may read it.

        >>> "APBILL" in client.objects()
        True
        """
        return self._answers.objects()

    def describe(self, object_name: str, doc_par_id: str | None = None) -> ObjectDef:
        """An object's fields and relations; `doc_par_id` names a transaction definition for its custom fields.

        >>> client.describe("vendor").find("totaldue").kind
        <Kind.DECIMAL: 'DECIMAL'>
        """
        return self._answers.describe(object_name, doc_par_id)

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """Many definitions in few requests. One that is refused raises, or is put into `refused` where that is given.

        >>> sorted(client.describe_many(["VENDOR", "CUSTOMER"]))
        ['CUSTOMER', 'VENDOR']
        """
        return self._answers.describe_many(names, refused)

    def describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """As `describe_many`, for whoever has something to do meanwhile: the requests are on their way, and names come
        when `describe` knows them or `refused` has them, a family's all at once.
        """
        return self._answers.describing(families, refused)

    def queryable(self, object_name: str, doc_par_id: str | None = None) -> tuple[str, ...]:
        """An object's fields without those that the gateway was found to refuse in a query."""
        return self._descriptions.queryable(self.describe(object_name, doc_par_id))

    def lookup(self, object_name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The definition as the gateway gives it now, whatever is known of it."""
        return self._answers.fresh(object_name, doc_par_id)

    def inspect(self, object_name: str) -> ObjectDef:
        """What `inspect` says of an object: coarser types than `describe`, but the fields' lengths."""
        return object_from_inspect(inspected(self._asking, object_name))

    # --- reading

    def query(
        self,
        what: str | Query,
        select: Sequence[Selected] | str | None = None,
        *,
        where: Filter | str | None = None,
        order: Sequence[Order | str] | str | None = None,
        limit: int | None = None,
        **options: Any,
    ) -> Iterator[dict[str, Value]]:
        """Typed rows of an object; money is Decimal, an empty cell None, a cell that was not sent is absent.

        Without an order the walk goes along the object's key and misses nothing; with one, or with aggregates, pages go
        by offset, which rows that come or go meanwhile can shift. `select`, `where` and `order` are also read as text,
        in the command line's language. Other options are the fields of `Query`, such as `show_private` (on by default
        at the top level) and `case_insensitive`. Given a `Query`, nothing but `limit` applies.

        >>> for row in client.query("LOCATIONENTITY", "LOCATIONID, NAME", limit=1):
        ...     row
        {'LOCATIONID': '100', 'NAME': 'Corvane Instruments Inc.'}
        """
        asked = question(what, select, where=where, order=order, options=self._usual(options))
        return self._answers.rows(asked, limit=limit)

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """Pages of cells as the gateway wrote them; the walked key is among them, asked for or not.

        >>> [len(page.rows) for page in client.pages(Query("GLACCOUNT", ("ACCOUNTNO",), page_size=50))]
        [50, 50, 12]
        """
        return self._answers.pages(query, limit=limit)

    def batches(self, query: Query, *, limit: int | None = None) -> "Iterator[pa.RecordBatch]":
        """Typed Arrow batches, one a page; needs the `data` extra.

        >>> sum(batch.num_rows for batch in client.batches(Query("GLACCOUNT", ("ACCOUNTNO", "TITLE"))))
        112
        """
        return self._answers.batches(query, limit=limit)

    def table(
        self,
        what: str | Query,
        select: Sequence[Selected] | str | None = None,
        *,
        where: Filter | str | None = None,
        order: Sequence[Order | str] | str | None = None,
        limit: int | None = None,
        **options: Any,
    ) -> "pa.Table":
        """What `query` reads, as one Arrow table: `.to_pandas()` and `polars.from_arrow` take it from there.

        >>> client.table("GLACCOUNT", "ACCOUNTNO, TITLE", limit=5).num_rows
        5
        """

        asked = question(what, select, where=where, order=order, options=self._usual(options))
        return table_of(self.batches(asked, limit=limit))

    def page(self, query: Query) -> Page:
        """One page exactly as the query says, its order and offset included; nothing is walked."""
        return self._answers.page(query)

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """One page exactly as the query says, as typed Arrow columns, with what the gateway said about it."""
        return self._answers.batch(query)

    def read(
        self, object_name: str, keys: Sequence[str | int], *, fields: str = "*", doc_par_id: str | None = None
    ) -> list[Record]:
        """Whole records by RECORDNO, owned lines included; keys that are not there give nothing.

        >>> (bill,) = client.read("APBILL", [next(client.query("APBILL", "RECORDNO"))["RECORDNO"]])
        >>> len(bill["APBILLITEMS"]) > 0
        True
        """
        return list(self._answers.records(object_name, keys, fields=fields, doc_par_id=doc_par_id))

    def read_by_name(
        self, object_name: str, keys: Sequence[str], *, fields: str = "*", doc_par_id: str | None = None
    ) -> list[Record]:
        """Whole records by their natural key, such as VENDORID.

        >>> [vendor["NAME"] for vendor in client.read_by_name("VENDOR", ["V10001"])]
        ['Drumhallow Realty Partners']
        """
        return list(self._answers.records(object_name, keys, fields=fields, doc_par_id=doc_par_id, by_name=True))

    # --- writing

    def create(
        self, object_name: str, rows: Iterable[Mapping[str, Any]], *, transaction: bool = False
    ) -> list[Outcome]:
        """Create one record a row; with `transaction`, all of them or none. InDoubtError where an answer is lost.

        >>> [outcome.ok for outcome in client.create("CLASS", [{"CLASSID": "R9", "NAME": "Retail"}])]
        [True]
        """
        bodies = [self._functions.create(object_name, row) for row in rows]
        return send_each(self._asking, bodies, transaction=transaction)

    def update(
        self, object_name: str, rows: Iterable[Mapping[str, Any]], *, transaction: bool = False
    ) -> list[Outcome]:
        """Change the record that each row's key names: only the fields given; None clears, owned lines are replaced.

        >>> client.update("CLASS", [{"CLASSID": "none", "NAME": "Retail"}])[0].faults[0].text
        'Cannot update non-existing CLASS with CLASSID=none.'
        """
        bodies = [self._functions.update(object_name, row) for row in rows]
        return send_each(self._asking, bodies, transaction=transaction)

    def upsert(self, object_name: str, rows: Iterable[Mapping[str, Any]], *, key: str = "") -> list[Outcome]:
        """Update the records whose key is there, create the others; the key is the natural one unless named.

        >>> [outcome.ok for outcome in client.upsert("CLASS", [{"CLASSID": "W9", "NAME": "Wholesale"}])]
        [True]
        """
        bodies = upsert_functions(self._functions, self._reading, object_name, rows=list(rows), key=key)
        return send_each(self._asking, bodies)

    def delete(self, object_name: str, keys: Iterable[str | int], *, transaction: bool = False) -> list[Outcome]:
        """Delete records by RECORDNO."""
        bodies = [self._functions.delete(object_name, key) for key in keys]
        return send_each(self._asking, bodies, transaction=transaction)

    # --- attachments and reports

    @property
    def attachments(self) -> Attachments:
        """Files attached to records: read, saved, added, deleted."""
        return Attachments(self._asking)

    @property
    def reports(self) -> Reports:
        """Custom reports: run, waited for, read page by page."""
        system = self._runtime.system
        return Reports(self._asking, clock=system.clock, sleep=system.sleep)

    # --- any function

    def call(
        self,
        *functions: Element,
        transaction: bool = False,
        control_ids: Sequence[str] | None = None,
        read: bool = False,
    ) -> tuple[Result, ...]:
        """Call any functions in one request; results in their order, failed ones among them.

        Only a request that failed as a whole raises. With `read`, and for functions known to change nothing, it is
        sent again after whatever may pass; otherwise a lost answer raises InDoubtError.

        >>> [result.status for result in client.call(element("getFinancialSetup"), element("readEntityDetails"))]
        ['success', 'success']
        """
        ids = control_ids or [self._runtime.exchange.new_id() for _ in functions]
        pairs = [Function(body, control_id) for body, control_id in zip(functions, ids, strict=True)]
        return self._asking.send(pairs, read=read or self._asking.only_reads(pairs), transaction=transaction)

    def ask(self, function: Element) -> Result:
        """Call one function that changes nothing; a failed result raises what its faults mean."""
        return successful(self._asking.ask(function))

    def submit(
        self, functions: Sequence[Function], *, transaction: bool = False, leaving: Leaving = unheard
    ) -> tuple[Result, ...]:
        """Send writes once, under `uniqueid`, and call `leaving` before their bytes leave; failed ones are results.

        Raises InDoubtError where the answer is lost or unreadable, others only where certainly nothing was applied.
        """
        return self._asking.send(functions, read=False, transaction=transaction, uniqueid=True, leaving=leaving)

    def _usual(self, options: dict[str, Any]) -> dict[str, Any]:
        """A query's options with what is usual: at the top level, private records too."""
        return {"show_private": not self.connection.location_id, **options}


def connect(
    name: str | None = None,
    *,
    transport: Transport | None = None,
    max_transactions: int | None = None,
    **settings: Any,
) -> Client:
    """A client for a named connection, or for the only one there is; settings given here are stronger than all others.

    Nothing is sent before the first question. The settings are those of `Connection`, such as `location_id="100"`.
    """
    return Client(load_connection(name, **settings), transport=transport, max_transactions=max_transactions)
