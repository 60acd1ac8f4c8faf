"""An agent plans, its client opens the console's page, a person approves there in a Chromium, and the agent applies."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client.client import Client as AgentClient
from mcp.client.stdio import stdio_client
from mcp_types import ElicitResult

from support.apps.agent_process import agent_command
from support.apps.agents import ENTRY
from support.apps.console_site import RunningConsole
from support.apps.http_reader import HttpReader
from support.browser import expect, follow, opened_page, shows
from support.own_loop import run_in_own_loop
from support.repository import python_path

pytestmark = pytest.mark.browser


def test_a_person_approves_on_the_page_that_the_agent_opens(
    browser: Any, console: RunningConsole, gateway: str, user: Path
) -> None:
    command, *options = agent_command("--connection", "books", "--console", console.url)
    source = {"PYTHONPATH": python_path(), "PATH": os.environ["PATH"]}
    server = StdioServerParameters(
        command=command, args=options, env={**source, "HOME": str(user)}, cwd=str(Path.cwd())
    )
    opened: list[str] = []

    async def open_page(context: Any, params: Any) -> ElicitResult:
        opened.append(params.url)
        return ElicitResult(action="accept")

    async def calling(tool: str, arguments: dict[str, Any]) -> Any:
        async with AgentClient(stdio_client(server, errlog=sys.stderr), elicitation_callback=open_page) as agent:
            return await agent.call_tool(tool, arguments)

    def call(tool: str, arguments: dict[str, Any]) -> Any:
        return run_in_own_loop(calling, tool, arguments)

    plan = call("plan_journal_entry", {**ENTRY, "reference": "BROWSER-1"}).structured_content
    asked = {"plan": plan["plan"], "digest": plan["digest"]}
    assert call("apply_plan", asked).is_error
    with opened_page(browser) as page:
        console.sign_in(page)
        page.goto(opened[0])  # what a client's browser shows, which has visited the console
        shows(page, plan["digest"])
        page.get_by_text("what is sent").first.click()
        expect(page.get_by_role("cell", name="60100").first).to_be_visible()
        follow(page.get_by_role("button", name="Approve as anna"))
        shows(page, "Approved by anna until")
        done = call("apply_plan", asked).structured_content
        assert done["counts"] == {"posted": 1}
        assert len(HttpReader(gateway).rows("GLBATCH", "RECORDNO", REFERENCENO="BROWSER-1")) == 1
        page.reload()
        shows(page, "Nothing is left to post")
