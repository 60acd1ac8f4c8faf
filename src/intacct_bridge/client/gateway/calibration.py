"""What was found out about a company's habits that no documentation settles, kept on this machine per connection.

`intacct doctor` measures them; extraction and loading make use of them. A measurement belongs to one endpoint, company
and user, and how times in filters are read to one offset of that user: under another it says nothing. The file is
changed under a lock and replaced whole; losing it costs nothing but caution.
"""

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.client.local.locks import locked


@dataclass(frozen=True, slots=True)
class Calibration:
    """One company's habits, as far as they are known."""

    reads_as: str = ""
    """How times in filters are read: `utc`, in the `user`'s offset, or empty where that is not known."""
    offset_minutes: int = 0
    """The user's offset when that was measured."""
    memory: bool | None = None
    """Whether a repeated control id was seen to be refused in words that we know; None where nobody looked."""
    measured: str = ""
    """When, on the gateway's clock."""

    def reading_of(self, offset_minutes: int) -> str:
        """How times in filters are read for a user with this offset; empty where that is not known."""
        return self.reads_as if offset_minutes == self.offset_minutes else ""

    @property
    def memory_proven(self) -> bool:
        """Whether a repeated control id was seen to be refused."""
        return self.memory is True


class Calibrations:
    """The calibrations kept under a directory; without one, nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def of(self, connection: Connection) -> Calibration:
        """What is known of a connection's company."""
        if self._directory is None:
            return Calibration()
        return _read(self._path(self._directory, connection))

    def keep(self, connection: Connection, learned: Calibration) -> None:
        """Keep what was learned; what was not looked at this time stays. A disk that refuses costs caution only."""
        if self._directory is None:
            return
        path = self._path(self._directory, connection)
        with suppress(OSError), locked(path.with_suffix(".lock")):
            before = _read(path)
            kept = learned if learned.memory is not None else replace(learned, memory=before.memory)
            if not kept.reads_as and before.offset_minutes == kept.offset_minutes:
                kept = replace(kept, reads_as=before.reads_as)
            beside = path.with_suffix(".new")
            beside.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1))
            beside.replace(path)

    @staticmethod
    def _path(directory: Path, connection: Connection) -> Path:
        whole = "\n".join((connection.endpoint, connection.company_id, connection.client_id, connection.user_id))
        digest = hashlib.sha256(whole.lower().encode()).hexdigest()[:12]
        name = re.sub(r"[^A-Za-z0-9._-]", "_", connection.company_id)
        return directory / "calibration" / f"{name}-{digest}.json"


def _read(path: Path) -> Calibration:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Calibration)
    except (OSError, msgspec.DecodeError):
        return Calibration()
