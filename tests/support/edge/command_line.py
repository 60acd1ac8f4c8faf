"""What the tests of the command line share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

AS_OF = date(2026, 11, 21)


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything it printed."""
        return self.out + self.err


Intacct = Callable[..., Ran]
