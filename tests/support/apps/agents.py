"""An agent's server on an emulated company, and a client of it, in one process."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mcp.client.client import Client as AgentClient
from mcp_types import CallToolResult, Tool

from intacct_bridge.apps.mcp.call_log import CallLog
from intacct_bridge.apps.mcp.server import AgentServer
from intacct_bridge.apps.mcp.session import AgentSession, AgentSettings
from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.approval.approvals import approve
from intacct_bridge.load.approval.stored_plans import stored_plan
from intacct_bridge.load.outbox.entry import Approval
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_emulator.server.gateway import Emulator
from support.own_loop import run_in_own_loop
from support.small_company import client

ENTRY: dict[str, Any] = {
    "journal": "GJ",
    "date": "2026-11-30",
    "title": "Accrued rent",
    "reference": "ACC-1",
    "lines": [
        {"account": "60100", "debit": "1250.00", "location": "100", "department": "100"},
        {"account": "20100", "credit": "1250.00", "location": "100", "department": "100"},
    ],
}
"""The arguments of a journal entry that the company takes."""


class AgentRun(RecordedRun):
    """The run of a server whose company is an emulator in this process."""

    def __init__(self, agent: "Agent") -> None:
        super().__init__()
        self._agent = agent
        self.use(agent.connection)

    def open_client(self, connection: Connection, *, max_transactions: int | None = None) -> Client:
        opened = self._agent.company()
        opened.meter.cap = max_transactions
        return opened

    def another_outbox(self) -> Outbox:
        return self._agent.outbox()


@dataclass
class Agent:
    """A server and what it works with. Each call is one connection of a client."""

    folder: Path
    emulator: Emulator
    settings: AgentSettings = field(default_factory=AgentSettings)
    connecting: dict[str, Any] = field(default_factory=dict)
    person: str = "anna"
    """The account that the server runs under."""
    outbox_file: str = "outbox.sqlite3"
    client_options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.company() as open_one:
            self.connection = open_one.connection
        self.log = CallLog(self.folder / "calls", "books", masked=self._masked)
        self.session = AgentSession(
            AgentRun(self),
            self.settings,
            log=self.log,
            person=self.person,
        )
        self.server = AgentServer(self.session)

    def _masked(self, text: str) -> str:
        for secret in self.connection.secrets:
            text = text.replace(secret, "***")
        return text

    def company(self, **more: Any) -> Client:
        return client(self.emulator, **{**self.connecting, **more})

    def outbox(self) -> Outbox:
        return Outbox(self.folder / self.outbox_file)

    def result(self, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
        async def run() -> CallToolResult:
            async with AgentClient(self.server, **self.client_options) as opened:
                return await opened.call_tool(tool, dict(arguments))

        return run_in_own_loop(run)

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The answer of a tool; an assertion fails if it is an error."""
        found = self.result(tool, arguments)
        assert not found.is_error, found.structured_content
        assert isinstance(found.structured_content, dict)
        return found.structured_content

    def error(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The error of a tool."""
        found = self.result(tool, arguments)
        assert found.is_error, found.structured_content
        assert isinstance(found.structured_content, dict)
        error: dict[str, Any] = found.structured_content["error"]
        assert error["message"]
        return error

    def tools(self) -> list[Tool]:
        async def run() -> list[Tool]:
            async with AgentClient(self.server) as opened:
                return (await opened.list_tools()).tools

        return run_in_own_loop(run)

    def approve(self, plan: str, by: str = "ben", **more: Any) -> Approval:
        """Approve a plan as a person does, outside of the server."""
        with self.company() as company, self.outbox() as outbox:
            return approve(stored_plan(plan, outbox), company, outbox, person=by, **more)

    def plan_text(self, plan: str) -> bytes:
        """A plan as the outbox holds it."""
        with self.outbox() as outbox:
            text = outbox.plan_text(plan)
            assert text is not None
            return text

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.path.read_text().splitlines()]

    def entries(self) -> list[str]:
        """The titles of journal entries, as a client without our tools reads them."""
        with client(self.emulator) as reading:
            return sorted(str(row["BATCH_TITLE"]) for row in reading.query("GLBATCH", "BATCH_TITLE"))

    def another(self, **changes: Any) -> "Agent":
        """Another server beside this one."""
        return replace(self, **changes)
