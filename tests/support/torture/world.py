"""A company behind a bad connection: all ways to lose an answer, by a seed, and processes that are killed.

The gateway behind it is the emulator. Work whose connection was cut may be done before, at once, or up to fourteen
minutes later; what was written may be invisible to reads for a while; control ids are remembered in four ways.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from secrets import token_hex
from tempfile import TemporaryDirectory
from threading import get_ident
from typing import Any

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from intacct_protocol.xml.xml import Element, parse, serialize
from support.small_company import Clock, company
from support.torture.records import BY_HAND

MEMORIES = ("lasting", "completed only", "expired", "absent")
"""How control ids are remembered: also while the first request runs; once it is done; for ten minutes; not at all."""
_BEHAVIOUR: Mapping[str, Mapping[str, Any]] = {
    "lasting": {},
    "completed only": {},
    "expired": {"controlid_days": 10 / 1440},
    "absent": {"remember_controlids": False},
}
_HTML = b"<html><head><title>Service unavailable</title></head><body/></html>"
_XML = (
    b"<response><control><status>failure</status></control><errormessage><error><errorno>GW-0011</errorno>"
    b"<description>Invalid Request</description></error></errormessage></response>"
)
_ANSWERS = (
    Reply(503, _HTML, {"content-type": "text/html"}),
    Reply(503, _XML, {}),
    Reply(500, _XML, {}),
    Reply(524, _HTML, {"content-type": "text/html"}),
    Reply(200, b"", {}),
    Reply(200, b"<response><control><status>success</status>", {}),
    Reply(200, _HTML, {}),
)
PAGES = tuple(
    (status, when)
    for status in (400, 401, 403, 407, 409, 413, 429, 451, 499, 500, 502, 503, 504, 524, 200)
    for when in ("before", "after")
)
"""A proxy's page of each status in the place of the answer, before or after the company has done the work."""
_SCRIPTED = (
    ScriptedFault("session-lost"),
    ScriptedFault("http", status=429),
    ScriptedFault("http", status=503, body="html"),
    ScriptedFault("cut-before"),
    ScriptedFault("cut-after"),
    ScriptedFault("truncated"),
    ScriptedFault("fault", "create"),
)
FAULTS = (
    "answered before",
    "answered after",
    "cut unsent",
    "cut before",
    "cut after",
    "late",
    "scripted",
    "killed before",
    "killed after",
    "killed late",
)
WITH_PAGES = (*FAULTS, *["page"] * 8)
"""The same, with a proxy that answers in the company's place."""
_LONGEST = 14
"""Minutes that a request may go on after its connection was cut: the gateway gives up after fifteen."""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for outboxes, in memory where possible: these tests are not about disks."""
    memory = Path("/dev/shm")  # TemporaryDirectory makes a folder of its own in it
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)


class KilledError(BaseException):
    """Stands for kill -9."""


@cache
def grown_company() -> Emulator:
    """The company that each world begins with a copy of."""
    emulator = company(Clock())
    books = emulator.company()
    books.table("VENDOR").insert({"VENDORID": "V-0", "NAME": "Acme", "STATUS": "active"})
    books.table("CUSTOMER").insert({"CUSTOMERID": "C-0", "NAME": "Bolt", "STATUS": "active"})
    (definition,) = (row for _, row in books.table("SODOCUMENTPARAMS").rows() if row["DOCID"] == "Sales Order")
    more = {"RECORDNO": "99", "DOCID": BY_HAND, "ENABLE_SEQNUM": "false"}
    books.table("SODOCUMENTPARAMS").insert({**definition, **more})
    return emulator


@dataclass
class World:
    """One company, its clock and its faults. A call sends it a request."""

    random: Random
    memory: str
    visible_after: timedelta = timedelta()
    unique_numbers: bool = True
    """Whether the company refuses a second document with the number of another."""
    clock: Clock = field(default_factory=Clock)
    faulty: bool = True
    faults: tuple[str, ...] = FAULTS
    next_page: int = 0
    """Pages come in turn, so that a few rounds have all of them."""
    script: ScriptedFault | str | None = None
    """The fault of the next write, before any other: one of the emulator, or one of `FAULTS` by name."""
    pause: Callable[[], None] = lambda: None
    """Called at the places where another loader may go first."""
    die: dict[int, Callable[[], None]] = field(default_factory=dict)
    """By thread: a call after which its process can write nothing more."""
    happened: Counter[str] = field(default_factory=Counter)
    draw: Callable[[], str] = token_hex
    """The random part of session ids."""
    unknown: set[str] = field(default_factory=set)
    """Requests whose outcome the loader could not know, as text."""
    finished: int = 0
    """Requests whose work was done after their connection was cut."""
    _late: list[tuple[datetime, str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        demo = EmulatorSettings()
        more = {**_BEHAVIOUR[self.memory], "unique_document_numbers": self.unique_numbers}
        behaviour = replace(demo.behaviour, **more)
        settings = replace(demo, behaviour=behaviour)
        self.emulator = grown_company().clone(clock=self.clock, settings=settings, draw=self.draw)

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        self.pause()
        reply = self._answered(endpoint, body)
        self.pause()
        return reply

    def _answered(self, endpoint: str, body: bytes) -> Reply:
        if self.faulty:  # a request takes time; another loader may act meanwhile
            self.clock.forward(seconds=self.random.choice((0, 0, 0, 1, 20, 100)))
        request = decode_request(body)
        names = [function.name for operation in request.operations for function in operation.functions]
        writes = any(name.startswith(("create", "update", "delete")) for name in names) or request.control.uniqueid
        if self._late and self.random.random() < 0.2:
            self.finish(everything=False)
        if self.memory == "lasting" and writes:
            self.finish(everything=True)  # a repeated control id waits for the first
        if self.script is not None and writes:
            fault, self.script = self.script, None
            if isinstance(fault, str):
                return self._with_fault(fault, endpoint, body)
            self.happened["scripted"] += 1
            return self._scripted(fault, endpoint, body)
        if self.faulty and self.random.random() < (0.4 if writes else 0.02):
            return self._with_fault(self.random.choice(self.faults if writes else ("scripted",)), endpoint, body)
        return self._seen(self.emulator(endpoint, body), writes=writes)

    def forward(self, minutes: float) -> None:
        """Time passes, and work that is due in it is done."""
        end = self.clock.now + timedelta(minutes=minutes)
        for due, _, _ in sorted(self._late):
            if due <= end:
                self.clock.now = max(due, self.clock.now)
                self.finish(everything=False)
        self.clock.now = end

    def finish(self, *, everything: bool) -> None:
        """Do the work of requests whose connection was cut, all of it or what is due."""
        due = [one for one in self._late if everything or one[0] <= self.clock.now]
        self._late = [one for one in self._late if one not in due]
        self.finished += len(due)
        for _, endpoint, body in due:
            self.emulator(endpoint, body)

    def kill(self) -> None:
        """The process ends here, and writes nothing more."""
        self.happened["kills"] += 1
        self.die.get(get_ident(), int)()
        raise KilledError

    def close(self) -> None:
        assert self.emulator.incidents == []
        self.emulator.close()

    # --- faults

    def _with_fault(self, kind: str, endpoint: str, body: bytes) -> Reply:
        self.happened["faults"] += not kind.startswith("killed")
        self.happened[kind] += 1
        if kind == "cut unsent":
            raise ConnectionCutError("cut", sent=False)
        if kind == "scripted":
            return self._scripted(self.random.choice(_SCRIPTED), endpoint, body)
        self.unknown.add(body.decode())
        if kind == "page":
            return self._page(endpoint, body)
        if kind.endswith("late"):
            # The record is visible within 15 minutes, the time of the work included.
            longest = _LONGEST - self.visible_after.total_seconds() / 60
            self._late.append((self.clock.now + timedelta(minutes=self.random.uniform(0, longest)), endpoint, body))
        elif kind.endswith("after"):
            self.emulator(endpoint, body)
        if kind.startswith("killed"):
            self.kill()
        if kind.startswith("answered"):
            return self.random.choice(_ANSWERS)
        raise ConnectionCutError("cut", sent=True)

    def _page(self, endpoint: str, body: bytes) -> Reply:
        status, when = PAGES[self.next_page % len(PAGES)]
        self.next_page += 1
        self.happened[f"page {status} {when}"] += 1
        if when == "after":
            self.emulator(endpoint, body)
        page = f"<html><head><title>{status}</title></head><body>The proxy says so.</body></html>"
        return Reply(status, page.encode(), {"content-type": "text/html"})

    def _scripted(self, fault: ScriptedFault, endpoint: str, body: bytes) -> Reply:
        """One of the emulator's own faults."""
        self.emulator.fault_plan = FaultPlan((fault,))
        if fault.kind not in ("session-lost", "fault", "slow") and fault.status != 429:
            self.unknown.add(body.decode())
        try:
            return self.emulator(endpoint, body)
        finally:
            self.emulator.fault_plan = FaultPlan()

    def _seen(self, reply: Reply, *, writes: bool) -> Reply:
        """An answer without the rows that are not visible yet."""
        if writes or not self.visible_after or b"<data listtype" not in reply.body:
            return reply
        return Reply(reply.status, _without(reply.body, self.clock.now - self.visible_after), reply.headers)


def _without(body: bytes, since: datetime) -> bytes:
    """The answer to a query without the rows created later."""
    return serialize(_pruned(parse(body), since)).encode()


def _pruned(node: Element, since: datetime) -> Element:
    children = [_pruned(child, since) for child in node.children]
    if node.tag != "data":
        return Element(node.tag, node.text, tuple(children), dict(node.attributes))
    kept = [child for child in children if not _later(child, since)]
    less = len(children) - len(kept)
    attributes = dict(node.attributes)
    for name in ("count", "totalcount"):
        if name in attributes and less:
            attributes[name] = str(int(attributes[name]) - less)
    return Element(node.tag, node.text, tuple(kept), attributes)


def _later(row: Element, since: datetime) -> bool:
    text = row.findtext("WHENCREATED") or row.findtext("AUWHENCREATED")
    if not text or " " not in text:
        return False
    return datetime.strptime(text, "%m/%d/%Y %H:%M:%S").replace(tzinfo=UTC) > since
