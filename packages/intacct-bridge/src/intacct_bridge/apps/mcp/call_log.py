"""The log of calls: every call of an agent before it is answered, and how it ended. Lines are only ever added.

There is one file a month for each connection, readable by its owner only. A line is a JSON object. Secrets are masked
and long strings are cut. A call that cannot be logged is not answered.
"""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from intacct_bridge.apps.mcp.values import plain
from intacct_protocol.errors import SettingsError

_LONGEST_TEXT, _MOST_ITEMS, _DEEPEST = 1_000, 50, 6


def _now() -> datetime:
    return datetime.now(UTC)


class CallLog:
    """The log of one connection."""

    def __init__(
        self,
        folder: Path,
        connection: str,
        *,
        masked: Callable[[str], str] = str,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._folder, self._connection = folder, connection
        self._masked, self._clock = masked, clock

    @property
    def path(self) -> Path:
        """The file of this month."""
        return self._folder / f"{quote(self._connection, safe='')}-{self._clock():%Y-%m}.jsonl"

    def called(self, tool: str, arguments: Mapping[str, Any], client: str) -> str:
        """Note a call, and return its number. SettingsError if that is not possible."""
        number = secrets.token_hex(8)
        self._add({"call": number, "tool": tool, "client": client, "arguments": shortened(arguments)})
        return number

    def ended(self, number: str, tool: str, outcome: str, facts: Mapping[str, Any]) -> None:
        """Note how a call ended: `answered`, `refused`, `cancelled` or `failed`."""
        self._add({"call": number, "tool": tool, "outcome": outcome, **facts})

    def _add(self, facts: Mapping[str, Any]) -> None:
        line = json.dumps(plain({"at": self._clock().isoformat(timespec="milliseconds"), **facts}), ensure_ascii=False)
        path = self.path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, f"{self._masked(line)}\n".encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise SettingsError(
                f"the log of calls {path} cannot be written: {error.strerror or error}",
                fix="Make room, or make its folder writable. Calls are answered only if they are logged.",
            ) from None


def shortened(value: Any, depth: int = 0) -> Any:
    """A value of bounded size for the log."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}… [{len(value):,} characters]"
    if depth == _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        items = list(value.items())
        members = {str(name)[:_LONGEST_TEXT]: shortened(one, depth + 1) for name, one in items[:_MOST_ITEMS]}
        return members | ({"…": f"{len(items):,} in all"} if len(items) > _MOST_ITEMS else {})
    if isinstance(value, list | tuple):
        listed = [shortened(one, depth + 1) for one in value[:_MOST_ITEMS]]
        return [*listed, f"… {len(value):,} in all"] if len(value) > _MOST_ITEMS else listed
    return value
