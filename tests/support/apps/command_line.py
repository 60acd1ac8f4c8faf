"""The shared parts of the command line's tests."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

AS_OF = date(2026, 11, 21)


@dataclass(frozen=True)
class Ran:
    """The exit status and output of one command."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """The whole output."""
        return self.out + self.err


def streams_in(ran: Ran) -> list[dict[str, Any]]:
    """The streams in the document of `intacct extract --json`, or in an estimate, which is a list."""
    found: Any = json.loads(ran.out)
    streams: list[dict[str, Any]] = found if isinstance(found, list) else found["streams"]
    return streams


Intacct = Callable[..., Ran]
