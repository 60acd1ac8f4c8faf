"""Loads of any object into the emulated company, each call one process."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.apply.sender import Step, no_step
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import MatchRules, Mode, Plan, PlanSettings
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.shared_state.place import Place
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import IntacctError
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import Reply, Transport
from support.small_company import client

READS = (
    "getFinancialSetup",
    "getAPISession",
    "lookup",
    "inspect",
    "query",
    "get",
    "get_list",
    "readUserFormatting",
    "getDimensionRelationships",
)
"""Functions that only read."""
VENDORS = """VENDORID,NAME,DISPLAYCONTACT.PRINTAS
V-1,Acme Paper,Acme Paper
V-2,Bolt Ltd,Bolt Ltd
"""
BILLS = """VENDORID,RECORDID,WHENCREATED,WHENDUE,CURRENCY,BASECURR,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID
V-1,INV-1,2026-11-02,2026-12-02,USD,USD,60100,100.10,100,100
V-1,INV-1,2026-11-02,2026-12-02,USD,USD,60100,0.20,100,100
V-2,INV-2,2026-11-03,2026-12-03,USD,USD,60100,15,100,100
"""


@dataclass
class LoadScenario:
    """A folder with an outbox, and a company."""

    folder: Path
    emulator: Emulator
    transport: Transport | None = None
    step: Step = no_step
    settle: SettleSettings = field(default_factory=SettleSettings)
    failed: IntacctError | None = None
    connecting: dict[str, Any] = field(default_factory=dict)
    """What the connection has beside the usual."""
    place: Place | None = None
    """Of the outbox; a file in the folder without one."""
    outbox_clock: Callable[[], datetime] | None = None
    """In place of a database server's own."""

    def file(self, text: str, name: str = "input.csv") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def plan(self, text: str, object_name: str, mode: str = "create", *, name: str = "input.csv", **more: Any) -> Plan:
        with client(self.transport or self.emulator, **self.connecting) as gateway, self.outbox() as outbox:
            return self.make(gateway, outbox, self.file(text, name), object_name, Mode(mode), **more)

    def load(
        self, text: str, object_name: str, mode: str = "create", *, name: str = "input.csv", **more: Any
    ) -> list[RecordOutcome]:
        seen: list[RecordOutcome] = []
        self.failed = None
        with client(self.transport or self.emulator, **self.connecting) as gateway, self.outbox() as outbox:
            plan = self.make(gateway, outbox, self.file(text, name), object_name, Mode(mode), **more)
            loader = Loader(gateway, outbox, LoadSettings(concurrency=1, settle=self.settle), step=self.step)
            try:
                seen.extend(loader.apply(plan))
            except IntacctError as error:
                self.failed = error
        return seen

    def outbox(self) -> Outbox:
        return Outbox(self.place or self.folder / "outbox.sqlite3", clock=self.outbox_clock)

    def make(
        self, gateway: Any, outbox: Outbox, path: Path, object_name: str, mode: Mode = Mode.CREATE, **more: Any
    ) -> Plan:
        match, rules = more.pop("match", ()), more.pop("rules", MatchRules())
        company = gateway
        layout = layout_for(object_name, company, **more)
        return make_plan(open_table(path), layout, company, outbox, PlanSettings(mode=mode, match=match, rules=rules))

    def rows(self, object_name: str) -> list[dict[str, str]]:
        return [dict(row) for _, row in self.emulator.company().table(object_name).rows()]


def reasons(plan: Plan) -> list[Sequence[str]]:
    return [(finding.rule, finding.column, finding.position) for one in plan.records for finding in one.reasons]


def sent_by(desk: LoadScenario) -> Counter[str]:
    """Counts the functions that write, from now on."""
    counts: Counter[str] = Counter()

    def counted(endpoint: str, body: bytes) -> Reply:
        functions = [one.name for operation in decode_request(body).operations for one in operation.functions]
        counts.update(name for name in functions if name not in READS)
        return desk.emulator(endpoint, body)

    desk.transport = counted
    return counts
