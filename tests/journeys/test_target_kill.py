"""The `target-intacct` executable over real HTTP, killed with kill -9 around its requests, and run again."""

import itertools
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from intacct_emulator.server.server import serve
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import Reply
from support.journeys.piping import CREDENTIALS, record, schema, state
from support.repository import python_path
from support.small_company import Clock, company

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")]


class Gateway:
    """The emulator behind HTTP, which may kill the target around its n-th request with creates."""

    def __init__(self, emulator: Any, *, at: int = 0, done: bool = False) -> None:
        self.emulator, self.at, self.done = emulator, at, done
        self.victim: subprocess.Popen[bytes] | None = None
        self.known = threading.Event()
        """Set once `victim` is: the process may ask before this one has it in hand."""
        self.creates = itertools.count(1)

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        creates = decode_request(body).operations[0].functions[0].name == "create"
        if not creates or next(self.creates) != self.at:
            reply: Reply = self.emulator(endpoint, body)
            return reply
        if self.done:
            self.emulator(endpoint, body)
        assert self.known.wait(120) and self.victim is not None
        self.victim.kill()
        self.victim.wait()
        return Reply(503, b"", {})


def run(folder: Path, url: str, gateway: Gateway, lines: bytes) -> subprocess.CompletedProcess[bytes]:
    """The executable with its input on standard input."""
    config = folder / "config.json"
    settings = {**CREDENTIALS, "api_url": url, "environment": "demo", "outbox": str(folder / "outbox.sqlite3")}
    config.write_text(json.dumps({**settings, "window": 4, "batch_size": 2, "read_formatting": False}))
    environment = {**os.environ, "PYTHONPATH": python_path(), "HOME": str(folder)}
    script = [sys.executable, "-m", "intacct_bridge.apps.singer.target", "--config", str(config)]
    pipe = subprocess.PIPE
    gateway.victim = process = subprocess.Popen(script, env=environment, stdin=pipe, stdout=pipe, stderr=pipe)
    gateway.known.set()
    out, err = process.communicate(lines, timeout=300)
    return subprocess.CompletedProcess(script, process.returncode, out, err)


@pytest.mark.parametrize(("at", "done"), [(0, False), (1, False), (2, True), (3, False), (4, True)])
def test_the_same_input_piped_in_again_leaves_every_record_once(tmp_path: Path, at: int, done: bool) -> None:
    clock = Clock()
    emulator = company(clock)
    gateway = Gateway(emulator, at=at, done=done)
    messages = [schema("CLASS", "CLASSID", "NAME", keys=["CLASSID"])]
    for number in range(8):
        messages.append(record("CLASS", CLASSID=f"K-{number}", NAME=f"Name {number}"))
        messages += [state({"at": number})] if number in (2, 5, 7) else []
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in messages)
    with serve(gateway) as server:
        first = run(tmp_path, server.url, gateway, lines)
        assert (first.returncode == 0) is (at == 0), first.stderr.decode()
        safe = [json.loads(line)["at"] for line in first.stdout.splitlines()]
        there = Counter(row["CLASSID"] for _, row in emulator.company().table("CLASS").rows())
        assert all(there[f"K-{number}"] == 1 for number in range(max(safe, default=-1) + 1)), "a state told too early"
        clock.forward(minutes=61)
        gateway.at = 0
        second = run(tmp_path, server.url, gateway, lines)
    assert second.returncode == 0, second.stderr.decode()
    assert json.loads(second.stdout.splitlines()[-1]) == {"at": 7}
    there = Counter(row["CLASSID"] for _, row in emulator.company().table("CLASS").rows())
    assert all(there[f"K-{number}"] == 1 for number in range(8))
    assert emulator.incidents == []
    emulator.close()
