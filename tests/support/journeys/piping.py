"""`target-intacct` in this process: lines piped in, what it prints, and how it ends."""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intacct_bridge.apps.singer.target_config import checked
from intacct_bridge.apps.singer.target_run import TargetRun
from intacct_bridge.apps.terminal.failures import report
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.xml.reply import Transport
from support.small_company import client

CREDENTIALS = {
    "company_id": "demo-company",
    "sender_id": "demo-sender",
    "sender_password": "demo-sender-password",
    "user_id": "demo-user",
    "user_password": "demo-user-password",
    "api_url": "http://127.0.0.1:9/ia/xml/xmlgw.phtml",
}


@dataclass
class Piped:
    """How one run ended."""

    status: int
    out: bytes
    err: str
    letters: list[dict[str, Any]]

    @property
    def states(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Pipe:
    """One machine's target, run as often as a test likes."""

    folder: Path
    emulator: Emulator
    settings: dict[str, Any] = field(default_factory=dict)
    connection: dict[str, Any] = field(default_factory=dict)

    def __call__(
        self,
        lines: bytes | str | Iterable[Mapping[str, Any]],
        *,
        transport: Transport | None = None,
        earlier: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Piped:
        """Pipe a whole input in."""
        text = lines.encode() if isinstance(lines, str) else lines
        if not isinstance(text, bytes):
            text = b"".join(json.dumps(one).encode() + b"\n" for one in text)
        letters = self.folder / "letters.jsonl"
        letters.unlink(missing_ok=True)
        config = checked({**CREDENTIALS, "dead_letters": str(letters), **self.settings, **settings})
        out, err = io.BytesIO(), io.StringIO()
        console = Output(err=err)
        with (
            client(transport or self.emulator, **self.connection) as company,
            Outbox(self.folder / "outbox.sqlite3") as outbox,
        ):
            try:
                run = TargetRun(CompanyRun(company, outbox=outbox), config, out=out, output=console, earlier=earlier)
                status = run.consume(io.BytesIO(text))
            except Exception as error:
                status = report(error, console)
        told = letters.read_text().splitlines() if letters.exists() else []
        return Piped(status, out.getvalue(), err.getvalue(), [json.loads(line) for line in told])

    def rows(self, name: str) -> list[dict[str, Any]]:
        """What the company holds."""
        return [dict(row) for _, row in self.emulator.company().table(name).rows()]


def schema(stream: str, *names: str, keys: Iterable[str] = ()) -> dict[str, Any]:
    """A SCHEMA message of texts."""
    properties = {name: {"type": ["null", "string"]} for name in names}
    return {"type": "SCHEMA", "stream": stream, "schema": {"properties": properties}, "key_properties": list(keys)}


def record(stream: str, **cells: Any) -> dict[str, Any]:
    """A RECORD message."""
    return {"type": "RECORD", "stream": stream, "record": cells}


def state(value: Any) -> dict[str, Any]:
    """A STATE message."""
    return {"type": "STATE", "value": value}
