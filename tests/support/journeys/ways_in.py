"""Every way in which the records of a source are loaded, each as a function that says whether all was done."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from intacct_bridge import BridgeClient, connect
from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.plan.plan import MatchRules, Mode
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from support.apps.agents import Agent
from support.journeys.corrections import Entry, entries_file
from support.journeys.objects import LoadScenario
from support.journeys.piping import Pipe, record, schema
from support.small_company import client

Rows = list[dict[str, Any]]


@dataclass
class Desk:
    """One person's machine and a company."""

    folder: Path
    emulator: Emulator
    url: str
    """Where the company is served."""
    numbers: Iterator[int] = field(default_factory=count)

    def file(self, text: str, suffix: str) -> Path:
        """A file of its own, as each export of a source is."""
        path = self.folder / f"export-{next(self.numbers)}.{suffix}"
        path.write_text(text, encoding="utf-8")
        return path


@dataclass(frozen=True)
class Options:
    """How a source is loaded."""

    key: bool = False
    """Whether the key of the source is named."""
    mode: str = "create"
    source_name: str = ""


Way = Callable[[Desk, Sequence[Entry], Options], bool]


# --- entries in the forms of each way


def native(entry: Entry) -> dict[str, Any]:
    """An entry by Intacct's own names."""
    lines = [
        {"ACCOUNTNO": account, "TR_TYPE": side, "TRX_AMOUNT": entry.amount, "LOCATION": "100"}
        for account, side in (("68000", "1"), ("10010", "-1"))
    ]
    return {
        "JOURNAL": entry.journal,
        "BATCH_DATE": entry.day,
        "BATCH_TITLE": entry.title,
        "REFERENCENO": entry.reference,
        "ENTRIES": lines,
    }


def unified(entry: Entry, version: str) -> dict[str, Any]:
    """An entry of the unified schema; that of version 1 has no number."""
    sides = (("68000", "Debit"), ("10010", "Credit"))
    lines: Rows = [
        {"accountNumber": account, "amount": float(entry.amount), "postingType": side, "locationId": "100"}
        for account, side in sides
    ]
    day = f"{entry.day}T00:00:00Z"
    if version == "v1":
        return {"type": entry.journal, "transactionDate": day, "journalDesc": entry.title, "lines": lines}
    lines = [
        {"accountNumber": account, f"{side.lower()}Amount": float(entry.amount), "locationNumber": "100"}
        for account, side in sides
    ]
    return {
        "journal": entry.journal,
        "transactionDate": day,
        "description": entry.title,
        "journalEntryNumber": entry.reference,
        "lineItems": lines,
    }


def flat(records: Iterable[Entry]) -> Rows:
    """The rows of the layout, as a program has them."""
    header, *lines = entries_file(records).splitlines()
    return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]


# --- files


def _loaded(desk: Desk, path: Path, layout: str, options: Options, *, key: str, **more: Any) -> bool:
    loads = LoadScenario(desk.folder, desk.emulator)
    given: dict[str, Any] = {"rules": MatchRules(source_name=options.source_name), **more}
    if options.key:
        given["key"] = (key,)
    with client(desk.emulator) as gateway, loads.outbox() as outbox:
        plan = loads.make(gateway, outbox, path, layout, Mode(options.mode), **given)
        outcomes = list(Loader(gateway, outbox).apply(plan))
    return not plan.refused and all(outcome.good for outcome in outcomes)


def layout_file(desk: Desk, records: Sequence[Entry], options: Options) -> bool:
    return _loaded(desk, desk.file(entries_file(records), "csv"), "journal-entries", options, key="Id")


def native_file(desk: Desk, records: Sequence[Entry], options: Options) -> bool:
    assert not options.key, "Intacct has no field for it"
    text = "".join(json.dumps(native(entry)) + "\n" for entry in records)
    return _loaded(desk, desk.file(text, "jsonl"), "GLBATCH", options, key="Id")


MAPPING = """
object = "GLBATCH"
group_by = ["Journal", "Date", "Title", "Reference", "Id"]
[fields]
JOURNAL = "Journal"
BATCH_DATE = { from = "Date", as = "date" }
BATCH_TITLE = "Title"
REFERENCENO = "Reference"
[[lines]]
object = "GLENTRY"
[lines.fields]
TRX_AMOUNT = { from = ["Debit", "Credit"], as = "number", required = true }
TR_TYPE = [{ constant = 1, when = "Debit" }, { constant = -1, when = "Credit" }]
ACCOUNTNO = "Account"
LOCATION = "Location"
"""


def mapped_file(desk: Desk, records: Sequence[Entry], options: Options) -> bool:
    mapping = desk.folder / "map.toml"
    mapping.write_text(MAPPING)
    return _loaded(desk, desk.file(entries_file(records), "csv"), "GLBATCH", options, key="Id", map_file=mapping)


def _unified_file(version: str, layout: str) -> Way:
    def load(desk: Desk, records: Sequence[Entry], options: Options) -> bool:
        rows = ({**unified(entry, version), "Id": entry.key} for entry in records)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        return _loaded(desk, desk.file(text, "jsonl"), layout, options, key="Id")

    return load


# --- streams


def _stream(form: str, *, by: str = "Id") -> Way:
    """A stream; `by` is the property that is its key, or the externalId of each record."""

    def load(desk: Desk, records: Sequence[Entry], options: Options) -> bool:
        name = {"native": "GLBATCH", "v1": "JournalEntries", "v2": "JournalEntry"}[form]
        keys = [by] if options.key and by != "externalId" else []
        lines: list[Mapping[str, Any]] = [schema(name, by, keys=keys)]
        for entry in records:
            cells = native(entry) if form == "native" else unified(entry, form)
            if options.key:
                cells[by] = entry.key
            lines.append(record(name, **cells))
        pipe = Pipe(desk.folder, desk.emulator)
        return pipe(lines, schema=form, mode=options.mode, source_name=options.source_name).status == 0

    return load


# --- programs


def library(desk: Desk, records: Sequence[Entry], options: Options) -> bool:
    with _connected(desk.url) as books:
        given: dict[str, Any] = {"mode": options.mode, "source_name": options.source_name}
        if options.key:
            given["key"] = "Id"
        plan = books.plan(flat(records), layout="journal-entries", **given)
        done = all(outcome.good for outcome in plan.apply(refused="skip", progress=False))
        return done and not plan.refused


def _connected(url: str) -> BridgeClient:
    account: dict[str, Any] = dict(CREDENTIALS)
    return connect(endpoint=url, environment="demo", **account)


def agent_rows(desk: Desk, records: Sequence[Entry], options: Options) -> bool:
    key = ["Id"] if options.key else None
    return _by_agent(desk, "plan_load", load_as="journal-entries", records=flat(records), mode=options.mode, key=key)


def agent_entries(desk: Desk, records: Sequence[Entry], options: Options) -> bool:
    """One plan for each entry: an agent gives no key."""
    assert not options.key
    done = []
    for entry in records:
        place = {"location": "100"}
        lines = [
            {"account": "68000", "debit": entry.amount, **place},
            {"account": "10010", "credit": entry.amount, **place},
        ]
        head = {"journal": entry.journal, "date": entry.day, "title": entry.title, "reference": entry.reference}
        done.append(_by_agent(desk, "plan_journal_entry", **head, lines=lines))
    return all(done)


def _by_agent(desk: Desk, tool: str, **arguments: Any) -> bool:
    agent = Agent(desk.folder, desk.emulator)
    planned = agent.call(tool, **arguments)
    if planned["plan"] is None:
        return set(planned["counts"]) == {"unchanged"}
    agent.approve(planned["plan"])
    applied = agent.call("apply_plan", plan=planned["plan"], digest=planned["digest"])
    return bool(applied["all_done"]) and not planned["refusals"]


WAYS: dict[str, Way] = {
    "a layout": layout_file,
    "Intacct's names": native_file,
    "a mapping": mapped_file,
    "unified v2": _unified_file("v2", "v2:JournalEntry"),
    "a stream of Intacct's names": _stream("native"),
    "a stream of unified v2": _stream("v2"),
    "a stream with external IDs": _stream("v2", by="externalId"),
    "a stream of unified v1": _stream("v1"),
    "the library": library,
    "an agent": agent_rows,
    "an agent, entry by entry": agent_entries,
}
