"""The library: one object for a company, with everything that the commands do and the same guarantees.

A program that only reads imports no more than reading needs; what loads, copies or checks is imported when it is used.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from intacct_bridge.client.client import Client, WriteSender
from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.demo_company import NAME as DEMO
from intacct_bridge.connections.demo_company import demo_settings, means_demo
from intacct_bridge.connections.sources import load_connection
from intacct_bridge.runs.program_run import ProgramRun
from intacct_bridge.runs.run import RecordCounts
from intacct_protocol.errors import InDoubtError, InvalidRequestError, RefusedError, SettingsError
from intacct_protocol.xml.reply import Transport

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_bridge.client.reading.records import Record
    from intacct_bridge.client.writing import Outcome
    from intacct_bridge.operations.change_events import ChangeEvent, ChangeRequest, EventFilter, FollowOptions
    from intacct_bridge.operations.extract import StreamProgress
    from intacct_bridge.operations.loads import Source
    from intacct_bridge.operations.outbox import Outbox
    from intacct_bridge.operations.plans import RecordOutcome
    from intacct_bridge.operations.recorded_run import CompanyRun
    from intacct_bridge.operations.records import OutboxWriter
    from intacct_bridge.results.checks import DoctorReport, Runs
    from intacct_bridge.results.copies import Copy, ExtractResult, Reconciliation
    from intacct_bridge.results.loads import OutboxView, Plan, Receipts, Refused
    from intacct_bridge.shared_state.place import Place


def open_copy(uri: str) -> "Copy":
    """The copy at an address, without a connection to its company. SettingsError if there is none."""
    from intacct_bridge.results.copies import Copy

    copy = Copy(uri)
    copy.check()
    return copy


class OutboxChoice(Enum):
    """The outbox of a client for which none is named."""

    USUAL = "the connection's own"


USUAL = OutboxChoice.USUAL
"""The outbox that the commands use for the same connection, opened with the first write. There is none if the caller
gives a transport, such as an emulator in this process: then nothing is kept on this machine."""


def connect(
    name: str | None = None,
    *,
    transport: Transport | None = None,
    max_transactions: int | None = None,
    outbox: "Outbox | str | Path | OutboxChoice | None" = USUAL,
    **settings: Any,
) -> "BridgeClient":
    """A client for a named connection, or for the only one; settings given here override all others.

    Nothing is sent before the first call. The settings are those of `Connection`, such as `location_id="100"`. Creates,
    updates, upserts and deletes are recorded in an outbox: the connection's own, the file or the open outbox that
    `outbox` names, or none for `outbox=None`. The caller closes an open outbox that it gives.

    From its first call until it is closed, the client is a run in the history of runs, as a command is. A client with
    the caller's own transport is not in the history.

    Once `intacct demo` has run, `connect("demo")` is a client of the demo company, which a background process serves.
    """
    if transport is None and means_demo(name, tuple(settings)):
        name, settings = name or DEMO, demo_settings() | settings
    connection = load_connection(name, **settings)
    return client_of(connection, transport=transport, max_transactions=max_transactions, outbox=outbox)


def client_of(
    connection: Connection,
    *,
    transport: Transport | None = None,
    max_transactions: int | None = None,
    outbox: "Outbox | str | Path | OutboxChoice | None" = USUAL,
    history: "Place | None" = None,
) -> "BridgeClient":
    """A client for a connection, as `connect` makes it; `history` is the history of runs, if not the usual one."""
    if isinstance(outbox, str | Path):
        connection = replace(connection, outbox=str(outbox))
    program = ProgramRun(connection, place=history) if transport is None else None
    writer: WriteSender | None = None
    if outbox is not None and not isinstance(outbox, str | Path | OutboxChoice):
        writer = _LazyWriter(outbox)
    elif outbox is not None and (transport is None or connection.outbox):
        writer = _LazyWriter(run=program.recorder.id if program is not None else "")
    client = BridgeClient(connection, transport=transport, max_transactions=max_transactions, writer=writer)
    return client.as_run(program)


class _LazyWriter:
    """The writer of a client, imported with its first write: a program that only reads imports no planner."""

    def __init__(self, outbox: "Outbox | None" = None, *, run: str = "") -> None:
        self.outbox, self._run = outbox, run
        self._guard = threading.Lock()
        self._writer: OutboxWriter | None = None

    def write(self, *words: Any, **more: Any) -> "list[Outcome]":
        """As `OutboxWriter` does it."""
        with self._guard:
            if self._writer is None:
                from intacct_bridge.operations.records import OutboxWriter

                self._writer = OutboxWriter(self.outbox, run=self._run)
        return self._writer.write(*words, **more)

    def close(self) -> None:
        """Close what the writer has opened."""
        if self._writer is not None:
            self._writer.close()


class BridgeClient(Client):
    """A company: query and change it, load files and rows, copy and compare it, follow its changes.

    What it writes is recorded in an outbox.
    """

    _program: "ProgramRun | None" = None

    def as_run(self, program: "ProgramRun | None") -> Self:
        """The client itself, after its calls and writes are counted in this run."""
        self._program = program
        if program is not None:
            program.follows(self, self.meter)
        return self

    def entity(self, location_id: str) -> Self:
        """A client in that entity, which counts its calls together with this client."""
        inside = super().entity(location_id)
        inside._program = self._program
        return inside

    def _write(self, *words: Any, **more: Any) -> "list[Outcome]":
        try:
            outcomes = super()._write(*words, **more)
        except InDoubtError as error:
            self._count(in_doubt=max(1, len(error.control_ids)))
            raise
        posted = sum(one.ok for one in outcomes)
        self._count(posted=posted, refused=len(outcomes) - posted)
        return outcomes

    def _count(self, **counts: int) -> None:
        if self._program is not None and any(counts.values()):
            self._program.add(RecordCounts(**counts))

    def close(self) -> None:
        """Close the client, and end its run; the client of an entity leaves both to its parent."""
        super().close()
        if self._program is not None and self._owner:
            self._program.end()

    def __exit__(self, *raised: object) -> None:
        error = raised[1] if len(raised) > 1 else None
        if self._program is not None and self._owner and isinstance(error, BaseException):
            self._program.failed(error)
        self.close()

    # --- loading

    def _company_run(self) -> "CompanyRun":
        """A run of one operation on this company; its entries in the outbox have an id of their own."""
        from intacct_bridge.operations.recorded_run import CompanyRun

        self._runtime.exchange.refuse_closed()
        if self._writer is None:
            raise SettingsError(
                "a load needs an outbox, and this client has none", fix="Connect with `outbox=`, such as a file."
            )
        outbox = self._writer.outbox if isinstance(self._writer, _LazyWriter) else None
        return CompanyRun(self, recorder=self._program.part() if self._program is not None else None, outbox=outbox)

    def plan(
        self,
        source: "Source",
        *,
        layout: str = "",
        mapping: str | Path | None = None,
        mode: Literal["create", "update", "upsert", "delete"] = "create",
        key: Iterable[str] = (),
        set: Mapping[str, str] | None = None,
        where: str | None = None,
        sheet: str | None = None,
        header_row: int | None = None,
        decimal: Literal[".", ","] | None = None,
        date_formats: Mapping[str, str] | None = None,
        draft: bool = False,
        clear_empty: bool = False,
        source_name: str = "",
        new: Iterable[int] = (),
        equal_records: Literal["refuse", "same", "new"] = "refuse",
        after_undo: Literal["post", "refuse"] = "post",
        send_currency: Literal["", "auto", "always", "never"] = "",
        party_currency: Literal["", "use", "refuse"] = "",
        unusual_rates: Literal["", "refuse", "use"] = "",
        name: str = "",
    ) -> "Plan":
        """Decide what a load would do with each record. Nothing is sent.

        `source` is a file (CSV, JSON lines, Parquet, Excel), rows as mappings, a generator of them, or any table with
        the Arrow C stream interface: a DataFrame of pandas or Polars, a table of PyArrow, a relation of DuckDB.

        `layout` is a layout such as `bills`, an object such as `VENDOR`, or a unified entity; `mapping` is a mapping
        file in its place. `key` names the columns that identify a record in its source, or with another `mode` than
        `create` the fields by which the existing record is found; an `upsert` takes either.
        `set` adds columns with one value for every row.
        `name` is what rows that are in no file are called. `send_currency`, `party_currency` and `unusual_rates` take
        the place of the connection's settings.

        `source_name` names the source that the keys belong to. `new` lists the numbers of rows whose records are new
        although one with the same number, key or content was posted before. `equal_records` says what a record without
        a key is, if an equal one was posted before and the input does not have all of that earlier input: it is
        refused, the same, or new. `after_undo` says whether a record that was taken back is posted again.

        >>> plan = client.plan([{"CLASSID": "P-1", "NAME": "Plants"}], layout="CLASS")
        >>> plan.to_create, plan.refused
        (1, 0)
        """
        from intacct_bridge.operations.loads import LoadRequest, Mode, plan_load
        from intacct_bridge.results.loads import Plan

        request = LoadRequest(
            source=source,
            name=name,
            layout=layout,
            mapping=Path(mapping) if mapping is not None else None,
            mode=Mode(mode),
            key=(key,) if isinstance(key, str) else tuple(key),
            constants=set or {},
            where=where,
            sheet=sheet,
            header_row=header_row,
            decimal=decimal,
            date_formats=date_formats or {},
            draft=draft,
            clear_empty=clear_empty,
            source_name=source_name,
            new=tuple(new),
            equal_records=equal_records,
            after_undo=after_undo,
            send_currency=send_currency,
            party_currency=party_currency,
            unusual_rates=unusual_rates,
        )
        return Plan(plan_load(self._company_run(), request), self._company_run)

    def load(
        self,
        source: "Source",
        *,
        refused: "Refused" = "stop",
        progress: "Callable[[RecordOutcome], object] | Literal[False] | None" = None,
        **options: Any,
    ) -> "Receipts":
        """Plan a load and apply the plan; the options are those of `plan`, `refused` and `progress` those of `apply`.

        A second load of the same records posts nothing again. SettingsError if the connection requires approvals: only
        a saved plan can have one.

        >>> [receipt.status.value for receipt in client.load([{"CLASSID": "P-2", "NAME": "Pots"}], layout="CLASS")]
        ['applied']
        """
        return self.plan(source, **options).apply(refused=refused, progress=progress)

    def open_plan(self, plan: str | Path) -> "Plan":
        """A saved plan by its file or its id, without what was applied of it since."""
        from intacct_bridge.operations.plans import open_saved
        from intacct_bridge.results.loads import Plan

        saved = open_saved(self._company_run(), Path(plan))
        return Plan(saved.plan, self._company_run, saved)

    def apply(
        self,
        plan: "Plan | str | Path",
        *,
        refused: "Refused" = "stop",
        progress: "Callable[[RecordOutcome], object] | Literal[False] | None" = None,
    ) -> "Receipts":
        """Apply a plan, or a saved one by its file or its id; see `Plan.apply`."""
        planned = self.open_plan(plan) if isinstance(plan, str | Path) else plan
        return planned.apply(refused=refused, progress=progress)

    def undo(
        self,
        run: "str | Receipts" = "",
        *,
        file: str = "",
        entries: Iterable[int] = (),
        day: date | None = None,
        delete: bool = False,
        memo: str = "",
    ) -> "Plan":
        """The plan that takes back what a run posted, what was loaded from a file, or single entries of the outbox.

        Records are reversed on `day` (by default the company's today), or deleted with `delete` if Intacct allows it.
        RefusedError if one of them cannot be taken back: an undo takes back all or nothing.
        """
        from intacct_bridge.operations.undo import UndoRequest, plan_undo
        from intacct_bridge.results.loads import Plan

        runs = () if not run else (run,) if isinstance(run, str) else (run.run,)
        request = UndoRequest(file=file, runs=runs, entries=tuple(entries), day=day, delete=delete, memo=memo)
        undo = plan_undo(self._company_run(), request)
        if undo.refused:
            first = undo.refused[0]
            raise RefusedError(
                f"{undo.source} is not possible: {first.entry.label}: {first.reason}"
                + (f" (and {len(undo.refused) - 1:,} more)" if len(undo.refused) > 1 else ""),
                fix=first.fix,
            )
        if undo.plan is None:
            reasons = "; ".join(dict.fromkeys(left.reason for left in undo.left))
            raise InvalidRequestError(f"{undo.source}: nothing is left to take back{f': {reasons}' if reasons else ''}")
        return Plan(undo.plan, self._company_run)

    @property
    def outbox(self) -> "OutboxView":
        """What was sent: look at it, find out what is in doubt, and decide."""
        from intacct_bridge.results.loads import OutboxView

        return OutboxView(self._company_run)

    # --- copies

    def extract(
        self,
        *streams: str,
        to: str,
        everything: bool = False,
        full: bool = False,
        select: Mapping[str, Sequence[str]] | Sequence[str] = (),
        as_text: Mapping[str, Sequence[str]] | Sequence[str] = (),
        since: date | None = None,
        unified: str = "",
        entity_column: str = "",
        hard_deletes: bool = False,
        views: bool = True,
        lower_names: bool = False,
        progress: "Callable[[StreamProgress], object] | Literal[False] | None" = None,
    ) -> "ExtractResult":
        """Bring a copy up to date: the named streams, or the usual ones of the company.

        `to` is the address of the copy, such as `duckdb:///books.duckdb`, `postgresql://...` or `parquet:DIR`. A stream
        that fails has its error in the result, and costs no other stream anything. The other settings are those of the
        command. `progress` is called as rows arrive; without it, a notebook and a terminal show a line.
        """
        from intacct_bridge.notebook import as_shown, progress_line
        from intacct_bridge.operations.extract import ExtractRequest, extract
        from intacct_bridge.results.copies import ExtractResult

        request = ExtractRequest(
            to=to,
            streams=streams,
            everything=everything,
            full=full,
            select=select,
            as_text=as_text,
            since=since,
            unified=unified,
            entity_column=entity_column,
            hard_deletes=hard_deletes,
            views=views,
            lower_names=lower_names,
        )
        show, end = progress_line("Extracting") if progress is None else (lambda _text: None, lambda: None)

        def tell(event: "StreamProgress") -> None:
            show(f"{event.stream}, {event.rows:,} rows")
            if callable(progress):
                progress(event)

        recorder = self._program.recorder if self._program is not None else None
        try:
            return as_shown(ExtractResult, extract(self, request, run=recorder, progress=tell))
        finally:
            end()

    def copy(self, uri: str) -> "Copy":
        """The copy at this address: its tables, views and SQL. SettingsError if there is none."""
        return open_copy(uri)

    def reconcile(
        self,
        copy: "Copy | str",
        *,
        period: str = "",
        all_fields: bool = False,
        ignore: Mapping[str, Sequence[str]] | Sequence[str] = (),
    ) -> "Reconciliation":
        """Compare a copy with the company, balance by balance and record by record.

        `period` limits the ledger to a month (`2026-11`) or a reporting period. With `all_fields` every record is read.
        SettingsError for another company's copy.
        """
        from intacct_bridge.notebook import as_shown
        from intacct_bridge.operations.reconcile import ReconcileRequest, reconcile
        from intacct_bridge.results.copies import Reconciliation

        uri = copy if isinstance(copy, str) else copy.uri
        request = ReconcileRequest(uri, period=period, all_fields=all_fields, ignore=ignore)
        recorder = self._program.recorder if self._program is not None else None
        return as_shown(Reconciliation, reconcile(self, request, run=recorder))

    # --- checks

    def doctor(self, streams: Iterable[str] = (), writes: Iterable[str] = ()) -> "DoctorReport":
        """Check the set-up for reading these streams and writing these objects, or for the usual streams.

        It changes nothing.
        """
        from intacct_bridge.notebook import as_shown
        from intacct_bridge.operations.recorded_run import CompanyRun
        from intacct_bridge.operations.setup import Job, examine_company
        from intacct_bridge.results.checks import DoctorReport

        return as_shown(DoctorReport, examine_company(CompanyRun(self), Job(tuple(streams), tuple(writes))))

    @property
    def runs(self) -> "Runs":
        """The history of runs."""
        from intacct_bridge.results.checks import Runs

        return Runs()

    # --- reading

    def get(self, object_name: str, key: str | int) -> "Record | None":
        """One record with all its fields and its lines: by RECORDNO if `key` is a number, else by its natural key.

        None if there is none.

        >>> client.get("VENDOR", "V10001")["NAME"]
        'Drumhallow Realty Partners'
        """
        read = self.read if isinstance(key, int) else self.read_by_name
        return next(iter(read(object_name, [key])), None)  # type: ignore[list-item]  # each takes its own kind of key

    def report(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        interactive: bool = False,
        timeout: float = 900.0,
    ) -> "Iterator[dict[str, str | None]]":
        """The rows of a custom report, as text; two dates are a range of an argument."""
        return self.reports.run(name, arguments, interactive=interactive, timeout=timeout)

    def sql(self, statement: str) -> "pa.Table":
        """The result of one SELECT whose tables are objects of the company.

        Only the fields and rows that it needs are read, with `query`; DuckDB evaluates the statement. A column
        of amounts has two decimals, or all that Intacct has if a value of it has more. InvalidRequestError for a
        statement that is not a SELECT, or that cannot run.

        >>> client.sql("SELECT count(*) AS accounts FROM GLACCOUNT").to_pylist()
        [{'accounts': 113}]
        """
        from intacct_bridge.operations.sql import in_cents, sql

        return in_cents(sql(self, statement))

    def changes(
        self,
        *streams: str,
        since: int | None = None,
        begin: str = "now",
        baseline: bool = False,
        event_filter: "EventFilter | None" = None,
        name: str = "",
    ) -> "Iterator[ChangeEvent]":
        """The changes of these streams as events, in order: those after the event with the number `since`.

        Keep the `number` of the last event that you have handled, and pass it as `since` next time; it acknowledges
        that event and all before it. Without `since`, you get the events that were not acknowledged. `begin` decides
        what the first call takes: only later changes (`now`), the changes since a time in ISO 8601, or every record
        (`beginning`).

        The events are stored beside the connection's outbox, under `name` (by default the streams). Each event has the
        same number in every call. A call costs about one API transaction a stream, and one for deletes.
        """
        from intacct_bridge.operations.change_events import read_changes

        request = self._change_request(streams, begin, event_filter, name, baseline=baseline)
        for events in read_changes(self, request, since=since, begin_run=self.begin_run):
            if self._program is not None:
                self._program.recorder.add_rows("events", len(events))
            yield from events

    def watch(
        self,
        *streams: str,
        handler: "Callable[[ChangeEvent], object]",
        begin: str = "now",
        baseline: bool = False,
        event_filter: "EventFilter | None" = None,
        name: str = "",
        options: "FollowOptions | None" = None,
        once: bool = False,
    ) -> None:
        """Call `handler` with each change, at least once and in order for each record, until the program ends.

        An exception of the handler means that it has not handled the event: it is called again later, with growing
        pauses, and the events of other records are delivered. `once` polls and delivers a single time, for a scheduled
        job. `handler` is called from several threads.
        """
        from intacct_bridge.operations.change_events import deliver_changes

        request = self._change_request(streams, begin, event_filter, name, baseline=baseline)
        for done in deliver_changes(self, request, handler, options, once=once):
            self._count(posted=done.delivered, dead_letters=done.dead)

    def _change_request(
        self, streams: Iterable[str], begin: str, event_filter: "EventFilter | None", name: str, *, baseline: bool
    ) -> "ChangeRequest":
        from intacct_bridge.operations.change_events import ChangeRequest, EventFilter

        return ChangeRequest(tuple(dict.fromkeys(streams)), begin, event_filter or EventFilter(), name, baseline)
