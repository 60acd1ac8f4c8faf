"""Every way in which the records of a source are loaded, each as a function that says whether all was done."""

import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa

from intacct_bridge import BridgeClient, connect
from intacct_bridge.apps.cli.app import main
from intacct_bridge.changes.delivery import DeliveryError
from intacct_bridge.changes.event import ChangeEvent, ChangeKind
from intacct_bridge.operations.load_receiver import LoadOptions, LoadReceiver
from intacct_bridge.operations.loads import LoadRequest, Mode, plan_load
from intacct_bridge.operations.plans import ApplyOptions, apply_plan
from intacct_bridge.operations.recorded_run import CompanyRun, RecordedRun
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import IntacctError
from support.apps.agents import Agent
from support.apps.http_reader import HttpReader
from support.apps.spark_jobs import Job
from support.apps.spark_jobs import settings as spark_settings
from support.journeys.documents import KEY, Document, DocumentKind, without_empty
from support.journeys.objects import LoadScenario
from support.journeys.piping import Pipe, record, schema
from support.small_company import client, connection


@dataclass
class Desk:
    """One person's machine and a company."""

    folder: Path
    emulator: Emulator
    url: str
    """Where the company is served."""
    numbers: Iterator[int] = field(default_factory=count)
    place: PostgresPlace | None = None
    """A database server, for Spark."""

    def file(self, text: str, suffix: str) -> Path:
        """A file of its own, as each export of a source is."""
        path = self.folder / f"export-{next(self.numbers)}.{suffix}"
        path.write_text(text, encoding="utf-8")
        return path

    @property
    def outbox(self) -> Path:
        """The outbox that all ways share, but Spark."""
        return self.folder / "outbox.sqlite3"

    @property
    def scenario(self) -> LoadScenario:
        return LoadScenario(self.folder, self.emulator, place=self.place)


SOURCE, NUMBER = "source", "number"


@dataclass(frozen=True)
class Options:
    """How a source is loaded."""

    key: str = ""
    """What `--key` names: the key of the source, or Intacct's field for the number."""
    mode: str = "create"
    source_name: str = ""

    def column(self, kind: DocumentKind, column: str = KEY) -> str:
        """The column or field that is named; empty if none is."""
        return {SOURCE: column, NUMBER: kind.number}.get(self.key, "")


Way = Callable[[Desk, DocumentKind, Sequence[Document], Options], bool]


# --- operations on files and rows


def _loaded(desk: Desk, source: Any, layout: str, key: str, options: Options, **more: Any) -> bool:
    """A load as the command line, the library, flows and the console make it."""
    request = LoadRequest(
        source=source,
        layout=layout,
        mode=Mode(options.mode),
        key=(key,) if key else (),
        source_name=options.source_name,
        **more,
    )
    with client(desk.emulator) as gateway, desk.scenario.outbox() as outbox:
        run = CompanyRun(gateway, outbox=outbox)
        plan = plan_load(run, request)
        receipts = list(apply_plan(run, plan, ApplyOptions(skip_refused=True)))
    return not plan.refused and all(one.good for one in receipts)


def layout_rows(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    return _loaded(desk, kind.file_rows(documents), kind.layout, options.column(kind), options)


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a file."""
    names = [*dict.fromkeys(name for row in rows for name in row)]
    return "".join(
        f"{','.join(cells)}\n" for cells in (names, *([str(row.get(one, "")) for one in names] for row in rows))
    )


def layout_file(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    path = desk.file(csv_text(kind.file_rows(documents)), "csv")
    return _loaded(desk, path, kind.layout, options.column(kind), options)


def _json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def native_file(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    keyed = options.key == SOURCE
    rows = ({**without_empty(kind.native(kind, one)), **({KEY: one.key} if keyed else {})} for one in documents)
    return _loaded(desk, desk.file(_json_lines(rows), "jsonl"), kind.object, options.column(kind), options)


ENTRY_MAP = f"""
object = "GLBATCH"
group_by = ["Journal", "Date", "Title", "Reference", "{KEY}"]
state = "Status"
[fields]
JOURNAL = "Journal"
BATCH_DATE = {{ from = "Date", as = "date" }}
BATCH_TITLE = "Title"
REFERENCENO = "Reference"
[[lines]]
object = "GLENTRY"
[lines.fields]
TRX_AMOUNT = {{ from = ["Debit", "Credit"], as = "number", required = true }}
TR_TYPE = [{{ constant = 1, when = "Debit" }}, {{ constant = -1, when = "Credit" }}]
ACCOUNTNO = "Account"
LOCATION = "Location"
"""
BILL_MAP = f"""
object = "APBILL"
group_by = ["Vendor", "Bill no", "{KEY}"]
state = "Status"
[fields]
VENDORID = "Vendor"
RECORDID = "Bill no"
WHENCREATED = {{ from = "Date", as = "date" }}
WHENDUE = {{ from = "Due date", as = "date" }}
DESCRIPTION = "Bill description"
[[lines]]
object = "APBILLITEM"
[lines.fields]
TRX_AMOUNT = {{ from = "Amount", as = "number", required = true }}
ACCOUNTNO = "Account"
LOCATIONID = "Location"
DEPARTMENTID = "Department"
"""
MAPS = {"GLBATCH": ENTRY_MAP, "APBILL": BILL_MAP}


def mapped_file(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    mapping = desk.folder / f"{kind.object}.toml"
    mapping.write_text(MAPS[kind.object])
    path = desk.file(csv_text(kind.file_rows(documents)), "csv")
    return _loaded(desk, path, kind.object, options.column(kind), options, mapping=mapping)


def unified_file(version: str, desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    entity, form = kind.unified[version]
    rows = ({**form(kind, one), KEY: one.key} for one in documents)
    path = desk.file(_json_lines(rows), "jsonl")
    return _loaded(desk, path, f"{version}:{entity}", options.column(kind), options)


# --- the command line, and flows


def _by_command(desk: Desk, *words: str) -> bool:
    """Whether a command ends with status 0."""
    environ = {**HttpReader(desk.url).environ, "INTACCT_OUTBOX": str(desk.outbox)}
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, environ))
        stack.enter_context(chdir(desk.folder))
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(redirect_stderr(io.StringIO()))
        return main(words) == 0


def command_line(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    path = desk.file(csv_text(kind.file_rows(documents)), "csv")
    more = ["--key", options.column(kind)] if options.key else []
    more += ["--source-name", options.source_name] if options.source_name else []
    words = ("load", str(path), "--as", kind.layout, "--mode", options.mode, "--apply", "--yes", *more)
    return _by_command(desk, *words)


def flow(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    path = desk.file(csv_text(kind.file_rows(documents)), "csv")
    made = {
        "command": "load",
        "files": [path.name],
        "as": kind.layout,
        "mode": options.mode,
        "apply": True,
        "yes": True,
    }
    made |= {"key": options.column(kind)} if options.key else {}
    made |= {"source-name": options.source_name} if options.source_name else {}
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in made.items())
    (desk.folder / "intacct.toml").write_text(f"[flows.load]\n{''.join(lines)}")
    return _by_command(desk, "run", "load")


# --- streams


def stream(form: str, by: str, desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    """A stream; `by` is the property that is its key, or the externalId of each record."""
    name = kind.object if form == "native" else kind.unified[form][0]
    keys = [by] if options.key and by != "externalId" else []
    lines: list[Mapping[str, Any]] = [schema(name, by, keys=keys)]
    for one in documents:
        cells = without_empty(kind.native(kind, one) if form == "native" else kind.unified[form][1](kind, one))
        lines.append(record(name, **cells, **({by: one.key} if options.key else {})))
    pipe = Pipe(desk.folder, desk.emulator)
    return pipe(lines, schema=form, mode=options.mode, source_name=options.source_name).status == 0


# --- programs


def library(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    given: dict[str, Any] = {"mode": options.mode, "source_name": options.source_name}
    given |= {"key": options.column(kind)} if options.key else {}
    with _connected(desk) as books:
        plan = books.plan(kind.file_rows(documents), layout=kind.layout, **given)
        done = all(outcome.good for outcome in plan.apply(refused="skip", progress=False))
        return done and not plan.refused


def _connected(desk: Desk) -> BridgeClient:
    account: dict[str, Any] = dict(CREDENTIALS)
    return connect(endpoint=desk.url, environment="demo", outbox=desk.outbox, **account)


def agent_rows(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    key = [options.column(kind)] if options.key else None
    rows = kind.file_rows(documents)
    more = {"source_name": options.source_name} if options.source_name else {}
    return _by_agent(desk, "plan_load", load_as=kind.layout, records=rows, mode=options.mode, key=key, **more)


def agent_entries(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    """One plan for each entry: an agent gives no key."""
    done = []
    for one in documents:
        place = {"location": "100"}
        lines = [
            {"account": "68000", "debit": one.amount, **place},
            {"account": "10010", "credit": one.amount, **place},
        ]
        head = {"journal": kind.parties[one.party], "date": one.day, "title": one.text, "reference": one.number}
        done.append(_by_agent(desk, "plan_journal_entry", **head, lines=lines))
    return all(done)


def _by_agent(desk: Desk, tool: str, **arguments: Any) -> bool:
    agent = Agent(desk.folder, desk.emulator)
    planned = agent.call(tool, **arguments)
    if planned["plan"] is None:
        return set(planned["counts"]) <= {"unchanged", "skipped"}
    agent.approve(planned["plan"])
    applied = agent.call("apply_plan", plan=planned["plan"], digest=planned["digest"])
    return bool(applied["all_done"]) and not planned["refusals"]


def events(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    """What `watch --to load:` does with the events of another company."""
    file = desk.folder / "intacct.toml"
    settings = {"endpoint": desk.url, "environment": "demo", "outbox": str(desk.outbox), **CREDENTIALS}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    file.write_text(f"[connections.sister]\n{lines}")
    file.chmod(0o600)
    with chdir(desk.folder), RecordedRun() as run:
        run.use(connection(company_id="main"))
        receiver = LoadReceiver(run, "sister", LoadOptions(key=(kind.number,) if options.key else ()), yes=True)
        delivered = [_delivered(receiver, kind, one) for one in documents]
        receiver.close()
    return all(delivered)


def _delivered(receiver: LoadReceiver, kind: DocumentKind, one: Document) -> bool:
    at, cells = datetime(2026, 11, 30, tzinfo=UTC), without_empty(kind.native(kind, one))
    cells |= {"STATE": "Posted"} if one.state == "Open" else {}  # an event has Intacct's own words
    try:
        receiver.deliver([ChangeEvent(1, "main", kind.object, one.key, ChangeKind.CREATED, at, cells)])
    except DeliveryError:
        return False
    return True


def spark(desk: Desk, kind: DocumentKind, documents: Sequence[Document], options: Options) -> bool:
    """A job of Spark, whose outbox is in PostgreSQL."""
    assert desk.place is not None
    rows = kind.file_rows(documents)
    names = [*dict.fromkeys(name for row in rows for name in row)]
    more = {"object": kind.layout, "key": options.column(kind) or KEY, "operation": options.mode}
    more |= {"source_name": options.source_name} if options.source_name else {}
    job = Job(spark_settings(desk.url, desk.place) | more, pa.schema([(name, pa.string()) for name in names]))
    try:
        job.commit(job.task(rows))
    except IntacctError:
        return False
    return True


WAYS: dict[str, Way] = {
    "rows": layout_rows,
    "a layout": layout_file,
    "Intacct's names": native_file,
    "a mapping": mapped_file,
    "unified v1": partial(unified_file, "v1"),
    "unified v2": partial(unified_file, "v2"),
    "the command line": command_line,
    "a flow": flow,
    "a stream of Intacct's names": partial(stream, "native", KEY),
    "a stream of unified v2": partial(stream, "v2", KEY),
    "a stream with external IDs": partial(stream, "v2", "externalId"),
    "a stream of unified v1": partial(stream, "v1", KEY),
    "the library": library,
    "an agent": agent_rows,
    "an agent, entry by entry": agent_entries,
    "events of another company": events,
    "Spark": spark,
}
