"""The file of refused records: a Singer stream again, each record with the reason, ready to be mended and piped in."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from intacct_bridge.edge.singer.target_results import Arrived
from intacct_bridge.errors import SettingsError

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class DeadLetters:
    """Written to only when something is refused; readable by its owner only, since it holds business records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[bytes] | None = None
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._told: set[str] = set()

    def schema(self, stream: str, message: Mapping[str, Any]) -> None:
        """The stream's SCHEMA message, which goes ahead of its records."""
        self._schemas[stream] = message
        self._told.discard(stream)

    def add(self, arrived: Arrived, reason: str) -> None:
        """A refused record with why; on disk when this returns."""
        stream = arrived.stream
        if stream not in self._told and stream in self._schemas:
            self._write(self._schemas[stream])
        self._told.add(stream)
        place = f"{arrived.source}:{arrived.number}"
        said = {"status": "refused", "reason": reason, "place": place}
        self._write({"type": "RECORD", "stream": stream, "record": arrived.record, **said})
        self.count += 1

    def _write(self, message: Mapping[str, Any]) -> None:
        if self._file is None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                if self.path.exists():  # it may be what is being read, or not yet mended
                    self.path.rename(_beside(self.path))
                self.path.touch(mode=0o600)
                self._file = self.path.open("wb")
            except OSError as error:
                raise SettingsError(
                    f"refused records cannot be kept in {self.path}: {error.strerror or error}",
                    fix="name another file with dead_letters",
                ) from None
        self._file.write(_ENCODER.encode(message) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file, if one was needed."""
        if self._file is not None:
            self._file.close()


def _beside(path: Path) -> Path:
    """A name that is free: what earlier runs refused is nowhere else, since their states have gone past it."""
    names = (f"{path.name}.before{number or ''}" for number in itertools.count())
    return next(free for name in names if not (free := path.with_name(name)).exists())
