"""The `target-intacct` executable over real HTTP, killed with kill -9 around its requests, and run again."""

import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from intacct_emulator.server.server import serve
from support.journeys.killing import KILLED, Ended, Killer, creates, run_to_its_end
from support.journeys.piping import CREDENTIALS, record, schema, state
from support.repository import python_path
from support.small_company import Clock, company

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")]


def run(folder: Path, url: str, killer: Killer, lines: str) -> Ended:
    """The executable with its input on standard input."""
    config = folder / "config.json"
    settings = {**CREDENTIALS, "api_url": url, "environment": "demo", "outbox": str(folder / "outbox.sqlite3")}
    config.write_text(json.dumps({**settings, "window": 4, "batch_size": 2, "read_formatting": False}))
    environment = {**os.environ, "PYTHONPATH": python_path(), "HOME": str(folder)}
    script = [sys.executable, "-m", "intacct_bridge.apps.singer.target", "--config", str(config)]
    return run_to_its_end(killer, script, lines, env=environment)


@pytest.mark.parametrize(("at", "done"), [(0, False), (1, False), (2, True), (3, False), (4, True)])
def test_the_same_input_piped_in_again_leaves_every_record_once(tmp_path: Path, at: int, done: bool) -> None:
    clock = Clock()
    emulator = company(clock)
    killer = Killer(emulator, creates)
    killer.arm(at, after=done)
    messages = [schema("CLASS", "CLASSID", "NAME", keys=["CLASSID"])]
    for number in range(8):
        messages.append(record("CLASS", CLASSID=f"K-{number}", NAME=f"Name {number}"))
        messages += [state({"at": number})] if number in (2, 5, 7) else []
    lines = "".join(json.dumps(one) + "\n" for one in messages)
    with serve(killer) as server:
        first = run(tmp_path, server.url, killer, lines)
        assert first.status == (KILLED if at else 0), first.err
        safe = [json.loads(line)["at"] for line in first.out.splitlines()]
        there = Counter(row["CLASSID"] for _, row in emulator.company().table("CLASS").rows())
        assert all(there[f"K-{number}"] == 1 for number in range(max(safe, default=-1) + 1)), "a state told too early"
        clock.forward(minutes=61)
        killer.arm(0, after=False)
        second = run(tmp_path, server.url, killer, lines)
    assert second.status == 0, second.err
    assert json.loads(second.out.splitlines()[-1]) == {"at": 7}
    there = Counter(row["CLASSID"] for _, row in emulator.company().table("CLASS").rows())
    assert all(there[f"K-{number}"] == 1 for number in range(8))
    assert emulator.incidents == []
    emulator.close()
