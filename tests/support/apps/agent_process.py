"""`intacct mcp` as a process of its own, with a folder of its own for everything that it keeps."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intacct_bridge.machine.secret import unwrapped
from support.repository import python_path
from support.small_company import connection


def agent_environment(folder: Path, endpoint: str) -> dict[str, str]:
    """The variables of a process that works with an emulator and keeps nothing outside of a folder."""
    made = connection(endpoint)
    names = ("company_id", "user_id", "user_password", "sender_id", "sender_password", "environment")
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": python_path(),
        "HOME": str(folder),
        **{f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("STATE", "CACHE", "CONFIG")},
        **{f"INTACCT_{name.upper()}": str(unwrapped(getattr(made, name))) for name in names},
        "INTACCT_ENDPOINT_URL": endpoint,
    }


def agent_command(*options: str) -> list[str]:
    """The command line that starts a server."""
    return [sys.executable, "-m", "intacct_bridge", "mcp", *options]


@dataclass(frozen=True)
class AgentProcess:
    """A server that runs."""

    run: subprocess.Popen[str]

    def address(self) -> str:
        """The address that a server over HTTP prints."""
        assert self.run.stderr is not None
        for line in self.run.stderr:
            if " at http" in line:
                return line.rpartition(" at ")[2].strip()
        raise AssertionError("it did not start")


@contextmanager
def running_agent(environment: dict[str, str], *options: str) -> Iterator[AgentProcess]:
    """A server that is killed in the end if it still runs."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(agent_command(*options), env=environment, text=True, **pipes) as process:
        try:
            yield AgentProcess(process)
        finally:
            process.kill()
