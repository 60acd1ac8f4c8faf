"""The shared parts of the command line's tests."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

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


Intacct = Callable[..., Ran]
