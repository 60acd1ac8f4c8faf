"""Calibration: behaviour of one company's gateway that no documentation settles, measured and kept on this machine.

`intacct doctor` measures it; extraction and loading use it. A measurement belongs to one endpoint, company and user.
How times in filters are read also belongs to one UTC offset of that user, and is unknown under another. The file is
changed under a lock and replaced in one step. Without it, reading and loading are only more cautious.
"""

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from intacct_bridge.connections.connection import Connection
from intacct_bridge.machine.locks import locked
from intacct_bridge.machine.replaced_file import replaced


@dataclass(frozen=True, slots=True)
class Calibration:
    """The measurements of one company, as far as they are known."""

    reads_as: str = ""
    """How times in filters are read: `utc`, in the `user`'s offset, or empty if that is unknown."""
    offset_minutes: int = 0
    """The user's UTC offset when that was measured."""
    memory: bool | None = None
    """Whether a repeated control id was refused with a known message; None if that was not measured."""
    measured: str = ""
    """The time of the measurement, on the gateway's clock."""

    def reading_of(self, offset_minutes: int) -> str:
        """How times in filters are read for a user with this offset; empty if that is unknown."""
        return self.reads_as if offset_minutes == self.offset_minutes else ""

    @property
    def repeat_guard(self) -> bool:
        """Whether a repeated control id was refused."""
        return self.memory is True


class Calibrations:
    """The calibrations kept in a directory; without a directory, nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def of(self, connection: Connection) -> Calibration:
        """The calibration of a connection's company."""
        if self._directory is None:
            return Calibration()
        return _read(self._path(self._directory, connection))

    def keep(self, connection: Connection, learned: Calibration) -> None:
        """Keep new measurements; those not made this time stay. A disk error is ignored: it only costs caution."""
        if self._directory is None:
            return
        path = self._path(self._directory, connection)
        with suppress(OSError), locked(path.with_suffix(".lock")):
            before = _read(path)
            stored = learned if learned.memory is not None else replace(learned, memory=before.memory)
            if not stored.reads_as and before.offset_minutes == stored.offset_minutes:
                stored = replace(stored, reads_as=before.reads_as)
            with replaced(path) as fresh:
                fresh.write_bytes(msgspec.json.format(msgspec.json.encode(stored), indent=1))

    @staticmethod
    def _path(directory: Path, connection: Connection) -> Path:
        identity = "\n".join((connection.endpoint, connection.company_id, connection.client_id, connection.user_id))
        digest = hashlib.sha256(identity.lower().encode()).hexdigest()[:12]
        name = re.sub(r"[^A-Za-z0-9._-]", "_", connection.company_id)
        return directory / "calibration" / f"{name}-{digest}.json"


def _read(path: Path) -> Calibration:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Calibration)
    except (OSError, msgspec.DecodeError):
        return Calibration()
