"""`intacct mcp` as programs start it: over standard input and output, and over HTTP."""

import http.client
import json
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from mcp import StdioServerParameters
from mcp.client.client import Client as AgentClient
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from starlette.requests import Request
from starlette.responses import Response

from intacct_bridge.apps.cli.app import main
from intacct_bridge.apps.cli.console.mcp import mcp_command
from intacct_bridge.apps.mcp.http import TOKEN_VARIABLE
from intacct_bridge.apps.web.security import SecurityMiddleware
from intacct_bridge.apps.web.server import http_server, listen
from intacct_bridge.apps.web.tokens import token_of
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_protocol.errors import SettingsError
from support.apps.agent_process import agent_command, agent_environment, running_agent
from support.apps.agents import ENTRY
from support.own_loop import run_in_own_loop
from support.repository import DOCS
from support.small_company import Clock, client, company

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Emulator, str]]:
    emulator = company(Clock())
    with serve(emulator) as server:
        yield emulator, server.url
    emulator.close()


@pytest.fixture
def environment(served: tuple[Emulator, str], tmp_path: Path) -> dict[str, str]:
    return agent_environment(tmp_path, served[1])


def test_the_sdks_own_client_plans_and_applies_over_standard_input(
    served: tuple[Emulator, str], environment: dict[str, str], tmp_path: Path
) -> None:
    command, *options = agent_command()

    async def run() -> dict[str, Any]:
        parameters = StdioServerParameters(command=command, args=options, env=environment)
        async with AgentClient(stdio_client(parameters)) as agent:
            plan = (await agent.call_tool("plan_journal_entry", ENTRY)).structured_content
            assert plan is not None
            asked = {"plan": plan["plan"], "digest": plan["digest"]}
            refused = await agent.call_tool("apply_plan", asked)
            assert refused.is_error
            words = [*agent_command()[:-1], "plan", "approve", asked["plan"], "--digest", asked["digest"]]
            approved = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
            assert approved.returncode == 0, approved.stderr
            return (await agent.call_tool("apply_plan", asked)).structured_content or {}

    assert run_in_own_loop(run)["counts"] == {"posted": 1}
    with client(served[0]) as reading:
        assert [row["BATCH_TITLE"] for row in reading.query("GLBATCH", "BATCH_TITLE")] == ["Accrued rent"]


def sent(process: subprocess.Popen[str], message: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())  # type: ignore[no-any-return]


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_server_while_it_waits(environment: dict[str, str], number: int, status: int) -> None:
    with running_agent(environment) as agent:
        process = agent.run
        sent(process, HELLO)
        process.send_signal(number)
        assert process.wait(timeout=20) == status
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read() == ""
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_closed_input_ends_the_server_while_a_question_runs(environment: dict[str, str], tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(tmp_path / "copy.duckdb")) as copy:
        copy.execute("CREATE TABLE VENDOR (VENDORID VARCHAR, _deleted_at TIMESTAMPTZ)")
    endless = {"name": "query_copy", "arguments": {"sql": "SELECT count(*) FROM range(100000000000) a, range(1000) b"}}
    with running_agent(environment, "--copy", f"duckdb:{tmp_path / 'copy.duckdb'}", "--max-seconds", "600") as agent:
        sent(agent.run, HELLO)
        assert agent.run.stdin is not None
        for message in (
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": endless},
        ):
            agent.run.stdin.write(json.dumps(message) + "\n")
        agent.run.stdin.flush()
        calls = tmp_path / "state" / "intacct-bridge" / "agents"
        while not any("query_copy" in one.read_text() for one in calls.glob("*.jsonl")):
            assert agent.run.poll() is None
        status, out, err = ended(agent.run)
    assert (status, out) == (0, ""), err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_client_that_leaves_without_its_answer_is_no_bug(environment: dict[str, str]) -> None:
    with running_agent(environment) as agent:
        sent(agent.run, HELLO)
        assert agent.run.stdin is not None and agent.run.stdout is not None and agent.run.stderr is not None
        agent.run.stdout.close()
        asked = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "about", "arguments": {}}}
        for message in ({"jsonrpc": "2.0", "method": "notifications/initialized"}, asked):
            agent.run.stdin.write(json.dumps(message) + "\n")
        agent.run.stdin.close()
        said = agent.run.stderr.read()
        assert (agent.run.wait(60), "bug" in said) == (0, False), said


PARSE_ERROR, INVALID_REQUEST = -32700, -32600
UNREADABLE = (
    ("secret not json", PARSE_ERROR, None),
    ('{"jsonrpc": "2.0", "id": 2, "method": "secret', PARSE_ERROR, None),
    ("\x00\x01", PARSE_ERROR, None),
    ("[" * 5000, PARSE_ERROR, None),
    ("{}", INVALID_REQUEST, None),
    ("[1,2]", INVALID_REQUEST, None),
    ('"secret"', INVALID_REQUEST, None),
    ('{"jsonrpc": "2.0", "id": 2, "method": 5}', INVALID_REQUEST, 2),
    ('{"id": "two", "method": "secret"}', INVALID_REQUEST, "two"),
    ('{"jsonrpc": "2.0", "id": 2, "method": "ping", "params": [1]}', INVALID_REQUEST, 2),
)


def test_garbage_is_answered_and_survived(environment: dict[str, str]) -> None:
    with running_agent(environment) as agent:
        process = agent.run
        assert process.stdin is not None
        assert process.stdout is not None
        unanswered = ("", "  ", '{"jsonrpc": "2.0", "id": 3, "error": "x"}', '{"id": 4, "result": {}}')
        lines = [*(line for line, _, _ in UNREADABLE), *unanswered]
        process.stdin.write("".join(f"{line}\n" for line in lines))
        answers = [sent(process, HELLO)]
        while "result" not in answers[-1]:
            answers.append(json.loads(process.stdout.readline()))
        assert [(one["id"], one["error"]["code"]) for one in answers[:-1]] == [
            (number, code) for _, code, number in UNREADABLE
        ]
        assert "secret" not in str(answers)
        assert (answers[0]["jsonrpc"], answers[-1]["id"]) == ("2.0", 1)
        assert ended(process)[0] == 0


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (r"\ud83d\ude00 \\ud800 \n \u00e4", ""),
        (r"a\ud83d", "title"),
        (r"\uDE00\ud83d", "title"),
        (r"\\\ud83d", "title"),
    ],
)
def test_half_of_a_surrogate_pair_is_refused_with_its_field(environment: dict[str, str], text: str, field: str) -> None:
    with running_agent(environment) as agent:
        process = agent.run
        sent(process, HELLO)
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write('{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
        arguments = json.dumps(ENTRY | {"title": "TITLE"}).replace("TITLE", text)
        process.stdin.write(
            '{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "plan_journal_entry",'
            f' "arguments": {arguments}}}}}\n'
        )
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
    assert answer["id"] == 7
    found = answer["result"]["structuredContent"]
    fields = [one["field"] for one in found.get("error", {}).get("fields", [])]
    assert fields == ([field] if field else [])


def test_wrong_settings_end_before_anything_is_served(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for options, words in (
        (("--copy", "mysql://x"), "Unsupported destination"),
        (("--copy", "-"), "Name a copy"),
        (("--folder", str(tmp_path / "none")), "does not exist"),
        (("--console", "http://example.com"), "is not the address of a console"),
        (("--http", "--port", "70000"), "65535"),
    ):
        assert main(["mcp", *options]) == 2
        out, err = capsys.readouterr()
        assert out == "" and words in err
    monkeypatch.setattr("intacct_bridge.apps.cli.context.find_spec", lambda _: None)
    assert main(["mcp"]) == 2
    assert "pip install 'intacct-bridge[mcp]'" in capsys.readouterr().err


# --- HTTP


@pytest.fixture(scope="module")
def over_http(served: tuple[Emulator, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address and the token of a server."""
    folder = tmp_path_factory.mktemp("http")
    environment = agent_environment(folder, served[1])
    with running_agent(environment, "--http", "--port", "0", "--token-file", str(folder / "token")) as agent:
        process, address = agent.run, agent.address()
        token = (folder / "token").read_text().strip()
        assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
        yield address, token
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0 and "Traceback" not in err and token not in err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_over_http_in_order(environment: dict[str, str], tmp_path: Path, number: int) -> None:
    with running_agent(environment, "--http", "--port", "0", "--token-file", str(tmp_path / "token")) as agent:
        address = agent.address()
        assert post(address, {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}) == 200
        agent.run.send_signal(number)
        _, err = agent.run.communicate(timeout=30)
        assert (agent.run.returncode, "Traceback" in err) == (0, False), err


def post(address: str, headers: dict[str, str], path: str = "/mcp", method: str = "POST") -> int:
    parts = urlsplit(address)
    for _ in range(50):  # it listens before it answers
        try:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
            connection.putrequest(method, path, skip_host=True)
            body = json.dumps(HELLO).encode()
            for name, value in {"Host": parts.netloc, **ACCEPT, "Content-Length": str(len(body)), **headers}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            with closing(connection), connection.getresponse() as answer:
                return answer.status
        except ConnectionError:
            time.sleep(0)
    raise AssertionError("no answer")


def test_only_the_token_opens_it(over_http: tuple[str, str]) -> None:
    address, token = over_http
    bearer = {"Authorization": f"Bearer {token}"}
    assert post(address, bearer) == 200
    for headers in (
        {},
        {"Authorization": "Bearer "},
        {"Authorization": token},
        {"Authorization": f"bearer {token}x"},
        {"Authorization": f"Bearer {token[:-1]}"},
        {"Authorization": f"Basic {token}"},
        {"Cookie": f"token={token}"},
    ):
        assert post(address, headers) == 401
    assert post(address, {}, f"/mcp?token={token}") == 401
    assert post(address, {}, "/", "GET") == 401


def test_foreign_hosts_and_origins_are_refused(over_http: tuple[str, str]) -> None:
    address, token = over_http
    bearer = {"Authorization": f"Bearer {token}"}
    own = urlsplit(address).netloc
    port = own.rpartition(":")[2]
    for host in (
        "attacker.example",
        f"attacker.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1.nip.io:{port}",
        "",
    ):
        assert post(address, {**bearer, "Host": host}) == 421
    for origin in (
        "http://attacker.example",
        f"http://attacker.example:{port}",
        "null",
        "http://127.0.0.1:1",
        f"https://{own}",
    ):
        assert post(address, {**bearer, "Origin": origin}) == 403
    assert post(address, {**bearer, "Origin": f"http://{own}"}) == 200
    assert post(address, {**bearer, "Host": f"localhost:{port}"}) == 200


def test_the_sdks_own_client_reads_over_http(over_http: tuple[str, str]) -> None:
    address, token = over_http

    async def run() -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            create_mcp_http_client(headers=headers) as http_client,
            AgentClient(streamable_http_client(address, http_client=http_client)) as agent,
        ):
            return (await agent.call_tool("about", {})).structured_content or {}

    assert run_in_own_loop(run)["company"] == "demo-company"


@pytest.mark.parametrize("begun", [b"", b"POST /mcp HTTP/1.1\r\nHost: 127", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /"])
def test_a_request_whose_head_does_not_come_is_given_up(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the second one of a connection."""
    monkeypatch.setattr("intacct_bridge.apps.web.server.HEAD_SECONDS", 0.05)
    with listen("127.0.0.1", 0) as listener:
        server = http_server(SecurityMiddleware(never_asked, refuse))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        with socket.create_connection(listener.getsockname(), timeout=30) as line:
            line.sendall(begun)
            while line.recv(65_536):
                pass
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


async def never_asked(*_: Any) -> None:
    raise AssertionError("a refused request came through")


async def refuse(_: Request) -> Response:
    return Response(status_code=401)


def test_a_token_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "token"
    token, place = token_of(TOKEN_VARIABLE, path, {})
    assert (token_of(TOKEN_VARIABLE, path, {}), place) == ((token, str(path)), str(path))
    assert len(token) > 40
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="others can read the token"):
        token_of(TOKEN_VARIABLE, path, {})
    for short in ("short", "x" * 23, "x" * 20 + " " + "y" * 20, "é" * 40):
        with pytest.raises(SettingsError, match="too short, or not plain text"):
            token_of(TOKEN_VARIABLE, path, {TOKEN_VARIABLE: short})
    assert token_of(TOKEN_VARIABLE, path, {TOKEN_VARIABLE: "x" * 24})[0] == "x" * 24


# --- the configurations of the documentation


def documented() -> list[dict[str, Any]]:
    page = (DOCS / "agents.md").read_text("utf-8")
    blocks = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    return [(one.get("mcpServers") or one["servers"])["intacct"] for one in blocks]


def test_the_configurations_of_the_documentation_start_a_server(environment: dict[str, str]) -> None:
    servers = documented()
    over_http = [one for one in servers if one.get("type") == "http"]
    assert [urlsplit(one["url"]).path for one in over_http] == ["/mcp"]
    started = [one for one in servers if one not in over_http]
    assert len(started) >= 4 and {one["command"] for one in started} == {"intacct"}
    for words in {tuple(one["args"]) for one in started}:
        assert words[0] == "mcp"
        with mcp_command.make_context("mcp", list(words[1:])) as context:  # every option is known
            assert context.params["copy"]
    _, *options = next(one["args"] for one in started if "books" in one["args"])
    with running_agent(environment, *options) as agent:
        assert sent(agent.run, HELLO)["result"]["instructions"].startswith("Tools for one company")
        status, out, err = ended(agent.run)  # it closes the input; the output has nothing but the protocol
    assert (status, out) == (0, "")
    assert "Serving agents of company demo-company (demo).\nCalls are kept in " in err and "Traceback" not in err
