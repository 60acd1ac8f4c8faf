"""A foreign client, unmodified: fastmcp's, from an environment of its own, over standard input and over HTTP."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.agent_process import agent_command, agent_environment, running_agent
from support.apps.agents import ENTRY
from support.copies.reported import Copy
from support.judges import judge
from support.small_company import Clock, client, company

pytestmark = pytest.mark.foreign
PROGRAM = """
import asyncio, json, subprocess, sys
from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp.exceptions import ToolError

given = json.load(sys.stdin)
if given["address"]:
    transport = StreamableHttpTransport(given["address"], headers={"Authorization": "Bearer " + given["token"]})
else:
    command, *args = given["command"]
    transport = StdioTransport(command=command, args=args, env=given["environment"])

async def main():
    async with Client(transport) as agent:
        tools = {tool.name for tool in await agent.list_tools()}
        rows = (await agent.call_tool("query_copy", {"sql": "SELECT count(*) AS n FROM GLACCOUNT"})).data["rows"]
        plan = (await agent.call_tool("plan_journal_entry", given["entry"])).data
        asked = {"plan": plan["plan"], "digest": plan["digest"]}
        try:
            await agent.call_tool("apply_plan", asked)
            refused = ""
        except ToolError as error:
            refused = str(error)
        subprocess.run([*given["approve"], asked["plan"], "--digest", asked["digest"]], env=given["environment"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        done = (await agent.call_tool("apply_plan", asked)).data
        again = (await agent.call_tool("apply_plan", asked)).data
        print(json.dumps({"tools": sorted(tools), "rows": rows, "refused": refused, "done": done, "again": again}))

asyncio.run(main())
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Emulator, dict[str, str], str]]:
    emulator = company(Clock())
    copy = Copy.of(emulator, f"duckdb:{tmp_path / 'copy.duckdb'}", ("GLACCOUNT",)).uri
    with serve(emulator) as server:
        yield emulator, agent_environment(tmp_path, server.url), copy
    emulator.close()


def judged(environment: dict[str, str], copy: str, *, address: str = "", token: str = "") -> dict[str, Any]:
    given = {
        "command": agent_command("--copy", copy),
        "approve": [*agent_command()[:-1], "plan", "approve"],
        "environment": environment,
        "entry": ENTRY,
        "address": address,
        "token": token,
    }
    python = judge("fastmcp") / "python"
    done = subprocess.run(
        [str(python), "-c", PROGRAM], input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def check(found: dict[str, Any], emulator: Emulator) -> None:
    assert {"query_copy", "plan_journal_entry", "apply_plan"} <= set(found["tools"])
    with client(emulator) as reading:
        assert found["rows"] == [{"n": len(list(reading.query("GLACCOUNT", "ACCOUNTNO")))}]
        assert [row["BATCH_TITLE"] for row in reading.query("GLBATCH", "BATCH_TITLE")] == ["Accrued rent"]
    assert "needs_approval" in found["refused"]
    assert found["done"]["counts"] == {"posted": 1}
    assert "posted" not in found["again"]["counts"]


def test_fastmcp_over_standard_input(served: tuple[Emulator, dict[str, str], str]) -> None:
    emulator, environment, copy = served
    check(judged(environment, copy), emulator)


def test_fastmcp_over_http(served: tuple[Emulator, dict[str, str], str], tmp_path: Path) -> None:
    emulator, environment, copy = served
    file = tmp_path / "token"
    with running_agent(environment, "--copy", copy, "--http", "--port", "0", "--token-file", str(file)) as process:
        address = process.address()
        check(judged(environment, copy, address=address, token=file.read_text().strip()), emulator)
        process.run.send_signal(signal.SIGINT)
