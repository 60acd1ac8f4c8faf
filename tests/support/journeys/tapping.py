"""The tap beside an emulator, run as a scheduler runs it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intacct_emulator.server.gateway import Emulator

CREDENTIALS = {
    "company_id": "demo-company",
    "sender_id": "demo-sender",
    "sender_password": "demo-sender-password",
    "user_id": "demo-user",
    "user_password": "demo-user-password",
}


@dataclass(slots=True)
class Ran:
    """The results of a run of the tap."""

    status: int
    out: bytes
    err: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [one["record"] for one in self.messages if one["type"] == "RECORD" and one["stream"] == stream]

    @property
    def state(self) -> dict[str, Any]:
        states = [one["value"] for one in self.messages if one["type"] == "STATE"]
        return dict(states[-1])


@dataclass(slots=True)
class Tap:
    """The tap, its files, and the company it reads."""

    place: Path
    url: str
    emulator: Emulator

    def config(self, **more: Any) -> Path:
        path = self.place / "config.json"
        path.write_text(json.dumps({"api_url": self.url, **CREDENTIALS, "environment": "demo", **more}))
        return path

    def run(self, *arguments: str | Path, environment: dict[str, str] | None = None) -> Ran:
        command = [sys.executable, "-m", "intacct_bridge.apps.singer.tap", *map(str, arguments)]
        home = {"XDG_STATE_HOME": str(self.place / "state"), "XDG_CACHE_HOME": str(self.place / "cache")}
        done = subprocess.run(
            command, capture_output=True, cwd=self.place, env={**os.environ, **home, **(environment or {})}, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode())

    def keep(self, name: str, document: Any) -> Path:
        path = self.place / name
        path.write_text(json.dumps(document))
        return path


def discovered(tap: Tap, *streams: str, **more: Any) -> tuple[Path, Path, dict[str, Any]]:
    """The config, and the catalogue of these streams as a file and as a document."""
    config = tap.config(streams=list(streams), **more)
    ran = tap.run("--config", config, "--discover")
    assert ran.status == 0, ran.err
    document = json.loads(ran.out)
    return config, tap.keep("catalog.json", document), document
