"""The speed of the emulator for its users: starts, companies for tests, requests a second, and memory.

    python -m bench.emulator_users [--scale 10] [--rounds 3] [--requests 3000]

A start is a process of its own: cold, which makes the demo company and caches it, and warm, which reads the cache. A
company for a test is made in every way that `intacct_emulator.testing` has, with a record written where a way ends in a
reset. Requests come over HTTP from clients of this process, which send the next request when they have the answer; they
share the processors with the server. The exit status is 1 if a goal is missed.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.demo_server import AS_OF
from bench.measure import peak_bytes, serving
from bench.servers import Target, head, loaded, memory
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.testing import Company, emulated_company, make_company
from intacct_protocol.xml.codec import encode_request
from intacct_protocol.xml.envelope import Control, Function, Login, Operation, Request
from intacct_protocol.xml.xml import parse

FIRST_START, TEST_COMPANY = 15.0, 2.0
"""The goals: CPU seconds of the first start at the largest scale, and milliseconds of a company for one test."""
CLIENTS = (1, 20)
_WARMING = 50
_TIMES = 100
_REQUESTS = {
    "sign-in": "<getAPISession/>",
    "query of 50 vendors": "<query><object>VENDOR</object><select><field>VENDORID</field><field>NAME</field>"
    "<field>TOTALDUE</field></select><pagesize>50</pagesize></query>",
    "create of a class": "<create><CLASS><CLASSID>#########</CLASSID><NAME>Class</NAME></CLASS></create>",
}

BILL = (
    f"<create><APBILL><VENDORID>V10001</VENDORID><WHENCREATED>{AS_OF:%m/%d/%Y}</WHENCREATED>"
    f"<WHENDUE>{AS_OF:%m/%d/%Y}</WHENDUE><APBILLITEMS><APBILLITEM><ACCOUNTNO>60100</ACCOUNTNO><TRX_AMOUNT>10</TRX_AMOUNT>"
    "<LOCATIONID>100</LOCATIONID><DEPARTMENTID>100</DEPARTMENTID></APBILLITEM></APBILLITEMS></APBILL></create>"
)


@dataclass(frozen=True, slots=True)
class Start:
    """One start: CPU seconds, the imports included; wall seconds without them; and peak memory in bytes."""

    cpu: float
    wall: float
    peak: int


def started(scale: int, cache: Path) -> Start:
    """Open the demo company in a new process."""
    command = [sys.executable, "-m", "bench.emulator_users", "--open", str(scale), str(cache)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Start(**json.loads(done.stdout))


def open_company(scale: int, cache: Path) -> Start:
    """The part of `started` that runs in the process."""
    began = time.perf_counter()
    with closing(Emulator.demo(scale=scale, as_of=AS_OF, cache=cache)):
        return Start(time.process_time(), time.perf_counter() - began, peak_bytes())


def starts(scale: int, rounds: int) -> tuple[Start, Start]:
    """The cheapest cold and the cheapest warm start."""
    cold, warm = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            cold.append(started(scale, Path(folder)))
            warm.append(started(scale, Path(folder)))
    return min(cold, key=lambda start: start.cpu), min(warm, key=lambda start: start.cpu)


def companies() -> Iterator[tuple[str, float, bool]]:
    """Each way to have a company for one test, the milliseconds that it takes, and whether the goal is for it."""

    def made() -> None:
        with emulated_company():
            pass

    yield "an empty company, made and closed", _milliseconds(made), True
    with closing(make_company()) as empty:
        yield "an empty company, reset after a write", _milliseconds(lambda: _used(empty)), True
    with closing(make_company("demo", as_of=AS_OF)) as demo:
        yield "the demo company, reset after a write", _milliseconds(lambda: _used(demo)), True
        yield "the demo company, reset without a write", _milliseconds(demo.reset), True
        yield "the demo company, reset after a bill was posted", _milliseconds(lambda: _posted(demo)), False
        yield "a company that shares the demo company's records", _shared(demo), True
        yield "a copy of the demo company of its own", _milliseconds(lambda: demo.emulator.clone().close()), False


def _used(company: Company) -> None:
    company.seed("CLASS", [{"CLASSID": "R", "NAME": "Retail"}])
    company.reset()


def _posted(company: Company) -> None:
    """Post a bill, before which the tables that it changes are copied: the large ones of the ledger too."""
    reply = company.emulator("http://127.0.0.1/", body_of(BILL))
    if b"<status>failure</status>" in reply.body:
        raise SystemExit(f"the bill was refused: {reply.body.decode()}")
    company.reset()


def _shared(company: Company) -> float:
    began = time.perf_counter()
    company.share(_TIMES)
    return (time.perf_counter() - began) / _TIMES * 1000


def _milliseconds(work: Callable[[], object]) -> float:
    """The mean of many calls, after one that loads modules."""
    work()
    began = time.perf_counter()
    for _ in range(_TIMES):
        work()
    return (time.perf_counter() - began) / _TIMES * 1000


def request_of(function: str, port: int) -> bytes:
    """An HTTP request with one function."""
    return head("POST", "/ia/xml/xmlgw.phtml", port, "Content-Type: application/xml", body=body_of(function))


def body_of(function: str) -> bytes:
    """A request document with one function."""
    login = Login(CREDENTIALS["user_id"], CREDENTIALS["company_id"], CREDENTIALS["user_password"])
    operation = Operation(login, (Function(parse(function.encode()), "bench"),))
    control = Control(CREDENTIALS["sender_id"], CREDENTIALS["sender_password"])
    return encode_request(Request(control, (operation,)))


def served(requests: int) -> Iterator[tuple[str, int, float, float, float]]:
    """Each kind of request: clients, requests a second, median and 99th percentile in milliseconds."""
    with serving("bench.demo_server") as (url, process):
        port = urlsplit(url).port or 0
        before = memory(process)
        for name, function in _REQUESTS.items():
            target = Target(process, port, request_of(function, port))
            asyncio.run(loaded(target, 1, _WARMING))
            for clients in CLIENTS:
                load = asyncio.run(loaded(target, clients, requests))
                if load.statuses != {200: requests}:
                    raise SystemExit(f"{name}: other answers than 200: {load.statuses}, {load.cut} cut")
                yield name, clients, load.rate, load.percentile(50), load.percentile(99)
        print(f"\nThe server had {before:.0f} MB before these requests and {memory(process):.0f} MB after them.")


def main() -> int:
    """Measure and print; the exit status is 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.emulator_users", description=__doc__)
    parser.add_argument("--scale", type=int, default=10, help="of the larger company")
    parser.add_argument("--rounds", type=int, default=3, help="starts of each kind; the cheapest counts")
    parser.add_argument("--requests", type=int, default=3000, help="of each kind and number of clients")
    parser.add_argument("--open", nargs=2, metavar=("SCALE", "CACHE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open:
        print(json.dumps(asdict(open_company(int(options.open[0]), Path(options.open[1])))))
        return 0
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before\n")
    print("| start | scale | CPU s | wall s | peak MB | goal |\n|---|--:|--:|--:|--:|---|")
    missed = False
    for scale in dict.fromkeys((1, options.scale)):
        for name, start in zip(("cold", "warm"), starts(scale, options.rounds), strict=True):
            goal = FIRST_START if name == "cold" and scale == options.scale else None
            missed |= goal is not None and start.cpu > goal
            told = "" if goal is None else f"<= {goal:.0f} s of CPU: {'met' if start.cpu <= goal else 'MISSED'}"
            peak = start.peak / 2**20
            print(f"| {name} | {scale} | {start.cpu:.2f} | {start.wall:.2f} | {peak:.0f} | {told} |", flush=True)
    print("\n| a company for one test | ms | goal |\n|---|--:|---|")
    for name, milliseconds, has_goal in companies():
        missed |= has_goal and milliseconds > TEST_COMPANY
        told = f"<= {TEST_COMPANY:.0f} ms: {'met' if milliseconds <= TEST_COMPANY else 'MISSED'}" if has_goal else ""
        print(f"| {name} | {milliseconds:.2f} | {told} |", flush=True)
    print("\n| request | clients | a second | p50 ms | p99 ms |\n|---|--:|--:|--:|--:|")
    for name, clients, rate, median, late in served(options.requests):
        print(f"| {name} | {clients} | {rate:,.0f} | {median:.1f} | {late:.1f} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
