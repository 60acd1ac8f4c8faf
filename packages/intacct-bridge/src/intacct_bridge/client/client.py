"""The client: one company through one connection, and every call that the library offers on it.

It puts the parts of this package together over one session. Threads may share a client. Close it after use.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from intacct_bridge.client.gateway.calibration import Calibration
from intacct_bridge.client.gateway.calls import Calls, successful
from intacct_bridge.client.gateway.meter import Meter
from intacct_bridge.client.gateway.runtime import Runtime, System
from intacct_bridge.client.gateway.session import Session, SignIn
from intacct_bridge.client.reading.catalog import CatalogReader
from intacct_bridge.client.reading.catalog_cache import CatalogCache
from intacct_bridge.client.reading.query import QueryReader, query_of
from intacct_bridge.client.reading.records import Record, Records
from intacct_bridge.connections.connection import Connection
from intacct_protocol.errors import IntacctError, InvalidRequestError, RefusedError, SettingsError
from intacct_protocol.model.catalog import Catalog, ObjectDef
from intacct_protocol.model.keys import UNDESCRIBED, record_key
from intacct_protocol.model.query.query import Filter, Order, Query, Selected
from intacct_protocol.xml.envelope import Function, Result
from intacct_protocol.xml.reply import BeforeSend, Transport, no_callback
from intacct_protocol.xml.strict_page import Page, PageHead
from intacct_protocol.xml.values import Formatting, Value, shown
from intacct_protocol.xml.xml import Element

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_bridge.client.attachments import Attachments
    from intacct_bridge.client.reading.catalog import FinancialSetup
    from intacct_bridge.client.reading.legacy import LegacyReader
    from intacct_bridge.client.reading.reports import Reports
    from intacct_bridge.client.rest.rest import Rest
    from intacct_bridge.client.writing import Outcome, RowFunctions
    from intacct_protocol.xml.python_columns import RowBatch


def table_of(batches: "Iterable[pa.RecordBatch]") -> "pa.Table":
    """Arrow batches as one table; needs the `data` extra.

    A column that is widened in one batch (an INTEGER with a fraction) is widened in all.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise SettingsError(
            "tables need the package `pyarrow`, which is not installed", fix="Run: pip install 'intacct-bridge[data]'"
        ) from None
    tables = [pa.Table.from_batches([batch]) for batch in batches]
    return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})


def _several(values: Iterable[Any], what: str) -> None:
    """Refuse one text or one record if several are expected: the parts of a text would count as keys."""
    if isinstance(values, str | bytes | Mapping):
        raise InvalidRequestError(f"the {what} are a list, and {values!r:.60} is not one", fix="put it in a list")


class Client:
    """Reads from and writes to one company.

    `transport` takes the place of the network, as the emulator does. `max_transactions` stops before a request that
    would exceed it. `keep` keeps definitions and the month's transactions on this machine; by default it is on if
    the transport is the network (for a gateway on this machine: definitions only). A folder keeps definitions there.

    Writes are sent at once and are not recorded on this machine, unless a `writer` sends them. The writer is closed
    with the client.
    `intacct_bridge.connect` gives a client whose writes are kept in the connection's outbox.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        transport: Transport | None = None,
        max_transactions: int | None = None,
        keep: bool | Path | None = None,
        system: System | None = None,
        writer: "WriteSender | None" = None,
    ) -> None:
        system = system or System()
        runtime = Runtime(connection, transport, max_transactions=max_transactions, keep=keep, system=system)
        cache = CatalogCache(connection, runtime.cache, wall=system.wall)
        session = Session(runtime.exchange, clock=system.clock, sleep=system.sleep, jitter=system.jitter)
        self._assemble(runtime, cache, session=session, writer=writer)

    def _assemble(
        self,
        runtime: Runtime,
        cache: CatalogCache,
        *,
        session: Session,
        owner: bool = True,
        writer: "WriteSender | None" = None,
    ) -> None:
        self._runtime = runtime
        self._writer = writer
        self._cache = cache
        self._session = session
        self._owner = owner
        self._calls = Calls(session)
        self._catalog = CatalogReader(self._calls, cache)
        self._queries = QueryReader(self._calls, self._catalog, reading_of=self._reading_of)
        self._records = Records(self._calls, self._catalog)
        self._legacy: LegacyReader | None = None
        self._rest: Rest | None = None

    def _by_legacy_functions(self, object_name: str = "") -> "LegacyReader | None":
        """The reader of an object that only functions of document type 2.1 reach; None if the generic ones do."""
        if not self.connection.is_legacy and object_name.upper() not in UNDESCRIBED:
            return None
        if self._legacy is None:
            from intacct_bridge.client.reading.legacy import LegacyReader

            self._legacy = LegacyReader(self._calls, self._catalog.formatting)
        return self._legacy

    def _reading_of(self, offset_minutes: int) -> str:
        return self._runtime.calibration.reading_of(offset_minutes)

    # --- the connection

    @property
    def connection(self) -> Connection:
        """The settings; in an entity's client, with that entity as its location."""
        connection = self._runtime.connection
        return (
            connection
            if self._session.location_id is None
            else replace(connection, location_id=self._session.location_id)
        )

    @property
    def meter(self) -> Meter:
        """The transactions used so far, including those of the clients of entities."""
        return self._runtime.meter

    @property
    def company_time(self) -> datetime:
        """The gateway's clock in UTC, from its last answer; signs in if there was none yet."""
        clock = self._runtime.exchange.server_clock
        if clock.now() is None:
            self._session.sign_in()
        if (now := clock.now()) is None:
            raise RefusedError("the gateway's answers do not contain the time")
        return now

    @property
    def month_to_date(self) -> int | None:
        """The company's API transactions this month, counted on this machine; None if no count is kept."""
        return self._runtime.month_to_date(self.company_time)

    @property
    def runtime(self) -> Runtime:
        """The transport, pace and counts that this client shares with the clients of entities."""
        return self._runtime

    @property
    def calibration(self) -> Calibration:
        """The measurements of `intacct doctor` for this company on this machine."""
        return self._runtime.calibration

    @property
    def rest(self) -> "Rest":
        """The REST interface, in the same entity. SettingsError without the application's id and secret."""
        if self._rest is None:
            from intacct_bridge.client.rest.rest import Rest

            self._rest = Rest(self._runtime, location_id=lambda: self.connection.location_id)
        return self._rest

    def sign_in(self) -> SignIn:
        """The user, company and entity that are signed in; makes one call if there is no session yet.

        >>> client.sign_in().company_id
        'demo-company'
        """
        return self._session.sign_in()

    @contextmanager
    def signing_in(self) -> Iterator[None]:
        """Sign in while the body does work that needs no answer, such as imports; an error is raised after the body."""
        if self.connection.authentication == "login":  # every request signs in itself
            yield
            return
        with ThreadPoolExecutor(1, "sign-in") as pool:
            signed_in = pool.submit(self.sign_in)
            yield
        signed_in.result()

    def entity(self, location_id: str) -> Self:
        """A client in that entity, or at the top level for an empty id; it shares this one's sockets, pace and count.

        It may be used as a context manager: `with client.entity("100") as inside: ...`

        >>> with client.entity("100") as inside:
        ...     inside.connection.location_id
        '100'
        """
        if not isinstance(location_id, str):
            raise SettingsError(
                f"the entity is {shown(repr(location_id))}, which is not a string",
                fix="give its location id as a string, such as '100'",
                setting="location_id",
            )
        inside = object.__new__(type(self))
        session = self._session.derived(location_id)
        inside._assemble(self._runtime, self._cache, session=session, owner=False, writer=self._writer)
        return inside

    def through(self, writer: "WriteSender") -> Self:
        """A client on the same connection whose writes go through a writer, which the caller closes."""
        other = object.__new__(type(self))
        other._assemble(self._runtime, self._cache, session=self._session, owner=False, writer=writer)
        return other

    def close(self) -> None:
        """Save the catalogue and close the sockets; the client of an entity leaves the sockets to its parent."""
        self._cache.save()
        if self._owner:
            self._runtime.close()
            if self._writer is not None:
                self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self.connection.target}>"

    # --- the catalogue

    @property
    def formatting(self) -> Formatting:
        """How answers write dates and times for this user; read once."""
        return self._catalog.formatting()

    @property
    def financial_setup(self) -> "FinancialSetup":
        """The company's base currency, books and fiscal year; read once, and empty if the user may not read it."""
        return self._catalog.financial_setup()

    def formatting_read_at(self) -> datetime:
        """The company's time when the formatting was read; it may have changed since."""
        return self.company_time - timedelta(seconds=self._catalog.formatting_age())

    def forget_stored_formatting(self) -> bool:
        """Forget the formatting if an earlier run read it, so that it is read again. True if an earlier run read it."""
        return self._catalog.forget_stored_formatting()

    def forget_stored_definition(self, object_name: str, doc_par_id: str | None = None) -> bool:
        """Forget a definition if an earlier run read it, so that it is read again. True if an earlier run read it."""
        return self._catalog.forget_stored(object_name, doc_par_id)

    def begin_run(self) -> None:
        """What this client knows of the catalogue counts as read by an earlier run: what is older than `catalog_hours`
        is read again, and the rest if an answer contradicts it.
        """
        self._cache.begin_run()

    @property
    def catalog(self) -> Catalog:
        """The definitions that have been needed so far."""
        return self._catalog.catalog()

    def objects(self) -> dict[str, str]:
        """Every object's name with its label, whether or not the user may read it.

        >>> "APBILL" in client.objects()
        True
        """
        return (self._by_legacy_functions() or self._catalog).objects()

    def describe(self, object_name: str, doc_par_id: str | None = None) -> ObjectDef:
        """An object's fields and relations; `doc_par_id` names a transaction definition, for its custom fields.

        >>> client.describe("vendor").find("totaldue").kind
        <Kind.DECIMAL: 'DECIMAL'>
        """
        return (self._by_legacy_functions(object_name) or self._catalog).describe(object_name, doc_par_id)

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """Many definitions in few requests. A refused one raises, or is put into `refused`.

        >>> sorted(client.describe_many(["VENDOR", "CUSTOMER"]))
        ['CUSTOMER', 'VENDOR']
        """
        return (self._by_legacy_functions() or self._catalog).describe_many(names, refused)

    def start_describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """As `describe_many`, while the caller does other work: the requests are on their way when this returns.

        Families of objects come when each name of theirs is known to `describe` or is in `refused`.
        """
        return (self._by_legacy_functions() or self._catalog).start_describing(families, refused)

    def queryable(self, object_name: str, doc_par_id: str | None = None) -> tuple[str, ...]:
        """An object's fields without those known to be unqueryable."""
        return self._catalog.queryable(self.describe(object_name, doc_par_id))

    def lookup(self, object_name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The definition as the gateway gives it now, even if it is known already."""
        return (self._by_legacy_functions(object_name) or self._catalog).lookup(object_name, doc_par_id)

    def read_as_text(self, fields: Mapping[str, Iterable[str]]) -> None:
        """Read these fields as text from now on, by object, if values do not fit the type that Intacct says.

        >>> client.read_as_text({"CLASS": ["MODIFIEDBY"]})
        """
        if fields and self.connection.is_legacy:
            raise InvalidRequestError(
                "document type 2.1 has no types to leave out", fix="leave out `as_text`", setting="as_text"
            )
        for name, names in fields.items():
            self._catalog.read_as_text(name, names)

    def inspect(self, object_name: str) -> ObjectDef:
        """An object's definition by `inspect`: coarser types than `describe`, and the lengths of text; read once."""
        return (self._by_legacy_functions(object_name) or self._catalog).inspect(object_name)

    def inspect_many(self, names: Iterable[str]) -> None:
        """Read the definitions by `inspect` of many objects in few requests; `inspect` then gives each."""
        self._catalog.inspect_many(name for name in names if self._by_legacy_functions(name) is None)

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
        """Typed rows of an object. Money is Decimal, an empty cell is None, a cell that was not sent is absent.

        Without an order, pages are read along the object's key and no row is missed. With an order or aggregates,
        pages go by offset, and rows that appear or vanish meanwhile can shift others. `select`, `where` and `order` may
        be text in the command line's language. Other options are the fields of `Query`, such as `show_private` (on by
        default at the top level) and `case_insensitive`. With a `Query`, only `limit` applies.

        >>> for row in client.query("LOCATIONENTITY", "LOCATIONID, NAME", limit=1):
        ...     row
        {'LOCATIONID': '100', 'NAME': 'Corvane Instruments Inc.'}
        """
        request = query_of(what, select, where=where, order=order, options=self._usual(options))
        return (self._by_legacy_functions(request.object) or self._queries).rows(request, limit=_checked_limit(limit))

    def read_together(
        self, queries: Sequence[Query], functions: Sequence[Element] = ()
    ) -> tuple[list[Iterator[dict[str, Value]]], tuple[Result, ...]]:
        """The rows of several queries, and the results of functions that change nothing, in one request.

        Each page and each function still counts as a transaction. A refused query raises as its own rows are taken;
        refused functions are results.

        >>> (accounts, vendors), _ = client.read_together([Query("GLACCOUNT", ("TITLE",)), Query("VENDOR", ("NAME",))])
        >>> len(list(accounts))
        113
        """
        if any(self._by_legacy_functions(query.object) for query in queries):
            return [self.query(query) for query in queries], self.call(*functions, read=True) if functions else ()
        return self._queries.read_together(queries, functions)

    def pages(self, query: Query, *, limit: int | None = None) -> Iterator[Page]:
        """Pages of cells as the gateway wrote them; the walked key is among them, selected or not.

        >>> [len(page.rows) for page in client.pages(Query("GLACCOUNT", ("ACCOUNTNO",), page_size=50))]
        [50, 50, 13]
        """
        return (self._by_legacy_functions(query.object) or self._queries).pages(query, limit=_checked_limit(limit))

    def batches(
        self,
        what: str | Query,
        select: Sequence[Selected] | str | None = None,
        *,
        where: Filter | str | None = None,
        order: Sequence[Order | str] | str | None = None,
        limit: int | None = None,
        **options: Any,
    ) -> "Iterator[pa.RecordBatch]":
        """The rows of `query` as typed Arrow batches, one a page; needs the `data` extra.

        >>> sum(batch.num_rows for batch in client.batches("GLACCOUNT", "ACCOUNTNO, TITLE"))
        113
        """
        request = query_of(what, select, where=where, order=order, options=self._usual(options))
        return (self._by_legacy_functions(request.object) or self._queries).batches(
            request, limit=_checked_limit(limit)
        )

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
        """The rows of `query` as one Arrow table, for `.to_pandas()` or `polars.from_arrow`.

        >>> client.table("GLACCOUNT", "ACCOUNTNO, TITLE", limit=5).num_rows
        5
        """
        return table_of(self.batches(what, select, where=where, order=order, limit=limit, **options))

    def page(self, query: Query) -> Page:
        """One page exactly as the query says, in its order and from its offset."""
        return (self._by_legacy_functions(query.object) or self._queries).page(query)

    def batch(self, query: Query) -> "tuple[PageHead, pa.RecordBatch]":
        """One page exactly as the query says, as typed Arrow columns, with the page's counts."""
        return (self._by_legacy_functions(query.object) or self._queries).batch(query)

    def row_batch(self, query: Query) -> "tuple[PageHead, RowBatch]":
        """One page exactly as the query says, as columns of Python values: less memory, and no Arrow."""
        return (self._by_legacy_functions(query.object) or self._queries).row_batch(query)

    def read(
        self, object_name: str, keys: Sequence[str | int], *, fields: str = "*", doc_par_id: str | None = None
    ) -> list[Record]:
        """Records by RECORDNO with all fields and their lines; missing keys are skipped.

        >>> (bill,) = client.read("APBILL", [next(client.query("APBILL", "RECORDNO"))["RECORDNO"]])
        >>> len(bill["APBILLITEMS"]) > 0
        True
        """
        _several(keys, "keys")
        reader = self._by_legacy_functions(object_name) or self._records
        return list(reader.records(object_name, keys, fields=fields, doc_par_id=doc_par_id))

    def read_by_name(
        self, object_name: str, keys: Sequence[str], *, fields: str = "*", doc_par_id: str | None = None
    ) -> list[Record]:
        """Records by their natural key, such as VENDORID, with all fields and their lines.

        >>> [vendor["NAME"] for vendor in client.read_by_name("VENDOR", ["V10001"])]
        ['Drumhallow Realty Partners']
        """
        _several(keys, "keys")
        reader = self._by_legacy_functions(object_name) or self._records
        return list(reader.records(object_name, keys, fields=fields, doc_par_id=doc_par_id, by_name=True))

    # --- writing; its modules are imported by the first write

    def _functions(self, unlisted: Iterable[str] = ()) -> "RowFunctions":
        from intacct_bridge.client.writing import RowFunctions

        formatting, is_legacy = self._catalog.formatting, self.connection.is_legacy
        # with document type 2.1 the functions' own tables say how values are written
        definition = (lambda _name: None) if is_legacy else self.describe
        return RowFunctions(definition, is_legacy=is_legacy, formatting=formatting, unlisted=tuple(unlisted))

    def create(
        self,
        object_name: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        transaction: bool = False,
        unlisted: Iterable[str] = (),
    ) -> "list[Outcome]":
        """Create one record for each row; with `transaction`, all or none. InDoubtError if an answer is lost.

        InvalidRequestError for a name that looks like a misspelt field; `unlisted` are names that are sent anyway.

        >>> [outcome.ok for outcome in client.create("CLASS", [{"CLASSID": "R9", "NAME": "Retail"}])]
        [True]
        """
        _several(rows, "rows")
        row_list, functions = list(rows), self._functions(unlisted)
        bodies = [functions.create(object_name, row) for row in row_list]
        return self._write("create", object_name, row_list, bodies, transaction=transaction)

    def update(
        self,
        object_name: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        transaction: bool = False,
        unlisted: Iterable[str] = (),
    ) -> "list[Outcome]":
        """Change the record that each row's key names: only the given fields. None clears a field; lines are replaced.

        Names are checked as those of `create`.

        >>> client.update("CLASS", [{"CLASSID": "none", "NAME": "Retail"}])[0].faults[0].text
        'Cannot update non-existing CLASS with CLASSID=none.'
        """
        _several(rows, "rows")
        row_list, functions = list(rows), self._functions(unlisted)
        bodies = [functions.update(object_name, row) for row in row_list]
        return self._write("update", object_name, row_list, bodies, transaction=transaction)

    def upsert(
        self,
        object_name: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        key: str = "",
        unlisted: Iterable[str] = (),
    ) -> "list[Outcome]":
        """Update the records whose key exists and create the others; the key is the natural one unless `key` names it.

        Names are checked as those of `create`.

        >>> [outcome.ok for outcome in client.upsert("CLASS", [{"CLASSID": "W9", "NAME": "Wholesale"}])]
        [True]
        """
        from intacct_bridge.client.writing import send_each, tell_outcomes, upsert_functions

        _several(rows, "rows")
        row_list = list(rows)
        bodies = upsert_functions(self._functions(unlisted), self._queries, object_name, rows=row_list, key=key)
        if self._writer is None:
            return send_each(self._calls, bodies)
        done: list[Outcome] = []
        for updates, pairs in groupby(
            zip(row_list, bodies, strict=True), lambda pair: pair[1].tag.startswith("update")
        ):
            changed, functions = zip(*pairs, strict=True)
            operation = "update" if updates else "create"
            try:
                done += self._write(operation, object_name, changed, functions, transaction=False)
            except IntacctError as error:
                tell_outcomes(error, done, len(row_list))
                raise
        return done

    def delete(self, object_name: str, keys: Iterable[str | int], *, transaction: bool = False) -> "list[Outcome]":
        """Delete records by RECORDNO. InvalidRequestError for a single key that is not in a list."""
        _several(keys, "keys")
        key_list, functions = list(keys), self._functions()
        bodies = [functions.delete(object_name, key) for key in key_list]
        rows = [{record_key(object_name.upper()): key} for key in key_list]
        return self._write("delete", object_name, rows, bodies, transaction=transaction)

    def _write(
        self,
        operation: str,
        object_name: str,
        rows: Sequence[Mapping[str, Any]],
        bodies: Sequence[Element],
        *,
        transaction: bool,
    ) -> "list[Outcome]":
        """Send through the writer if there is one, else directly."""
        self._runtime.exchange.refuse_closed()
        if self._writer is None:
            from intacct_bridge.client.writing import send_each

            return send_each(self._calls, bodies, transaction=transaction)
        return self._writer.write(self, operation, object_name, rows, bodies, transaction=transaction)

    # --- attachments and reports

    @property
    def attachments(self) -> "Attachments":
        """Files attached to records: read, saved, added, deleted."""
        from intacct_bridge.client.attachments import Attachments

        return Attachments(self._calls)

    @property
    def reports(self) -> "Reports":
        """Custom reports: start one, wait for it, read it page by page."""
        from intacct_bridge.client.reading.reports import Reports

        system = self._runtime.system
        return Reports(self._calls, clock=system.clock, sleep=system.sleep)

    # --- any function

    def call(
        self,
        *functions: Element,
        transaction: bool = False,
        control_ids: Sequence[str] | None = None,
        read: bool = False,
    ) -> tuple[Result, ...]:
        """Call any functions in one request; results come in their order, failed ones among them.

        Only a request that failed as a whole raises. With `read`, and for functions known to change nothing, it is
        retried after transient failures; otherwise a lost answer raises InDoubtError.

        >>> [result.status for result in client.call(element("getFinancialSetup"), element("readEntityDetails"))]
        ['success', 'success']
        """
        ids = control_ids or [self._runtime.exchange.new_id() for _ in functions]
        pairs = [Function(body, control_id) for body, control_id in zip(functions, ids, strict=True)]
        return self._calls.send(pairs, read=read or self._calls.only_reads(pairs), transaction=transaction)

    def ask(self, function: Element) -> Result:
        """Call one function that changes nothing; a failed result raises the error that its faults mean."""
        return successful(self._calls.ask(function))

    def submit(
        self, functions: Sequence[Function], *, transaction: bool = False, before_send: BeforeSend = no_callback
    ) -> tuple[Result, ...]:
        """Send writes once, with `uniqueid`, and call `before_send` before their bytes leave; failed ones are results.

        Raises InDoubtError if the answer is lost or unreadable, and other errors only if nothing was applied.
        """
        return self._calls.send(
            functions, read=False, transaction=transaction, uniqueid=True, before_send=before_send, planned=True
        )

    def _usual(self, options: dict[str, Any]) -> dict[str, Any]:
        """A query's options with the default: at the top level, private records too."""
        return {"show_private": not self.connection.location_id, **options}


def _checked_limit(limit: int | None) -> int | None:
    """The limit. SettingsError for a negative one, which would give no row and look like an empty object."""
    if limit is not None and limit < 0:
        raise SettingsError(f"the limit is {limit}", fix="give the number of rows, or None for all", setting="limit")
    return limit


class WriteSender(Protocol):
    """Sends the writes of a client in a way of its own; `flow` has one that keeps them in an outbox."""

    def write(
        self,
        client: Client,
        operation: str,
        object_name: str,
        rows: Sequence[Mapping[str, Any]],
        bodies: Sequence[Element],
        /,
        *,
        transaction: bool = False,
    ) -> "list[Outcome]":
        """The outcome of each row, whose function is the body at the same place."""

    def close(self) -> None:
        """Close what the writer has opened itself."""
