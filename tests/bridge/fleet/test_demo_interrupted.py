"""Ctrl-C ends the demo of a fleet, and no process of it is left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.fleet.workers import until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="lists processes in /proc")]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_no_worker_is_left_after_the_demo_was_interrupted(
    postgres: str, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    words = ["fleet", "demo", "--companies", "6", "--database", postgres]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    with (tmp_path / "shown.txt").open("wb") as shown:
        demo = subprocess.Popen(
            [sys.executable, "-m", "intacct_bridge", *words], env=env, stdout=shown, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: len(children(demo.pid)) == 2, "two workers started")
        workers = children(demo.pid)
        demo.send_signal(number)
        assert demo.wait(60) == status, (tmp_path / "shown.txt").read_text()
    finally:
        demo.kill()
        demo.wait()
    until(lambda: not [one for one in workers if Path(f"/proc/{one}").exists()], "the system has removed both", 10)
    assert not list(tmp_path.glob("intacct-fleet-demo-*"))


def children(process: int) -> list[int]:
    """The processes that a process started."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text().split()]
