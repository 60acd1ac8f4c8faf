"""The file of refused records: a Singer stream again, each record with the reason, ready to be corrected and piped in.

Each file belongs to one run even if runs overlap. A file that the settings name has the records of the last run: an
earlier run's file moves aside under a name of its own. While a run still writes it, its file stays, and another run
takes the next free name. A lock on the file tells whether a run still writes it.

A state that goes past a refused record is its source's word that it need not come again. So the file is forced to disk
before such a state is released.
"""

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from intacct_bridge.machine.locks import has_name, try_lock
from intacct_bridge.machine.replaced_file import force_names
from intacct_bridge.operations.record_streams import InputRecord
from intacct_protocol.errors import SettingsError

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class DeadLetters:
    """The file of refused records, made with the first of them; only its owner may read it, since it holds business
    records.
    """

    def __init__(self, path: Path, *, replaces: bool) -> None:
        self.requested = path
        self.path = path
        """Where the records are; another name than the requested one if another run has that."""
        self.earlier: Path | None = None
        """Where the file of an earlier run is now, if it was moved from the requested name."""
        self.count = 0
        self._replaces = replaces
        """Whether the file of an earlier run makes way for this one's."""
        self._file: IO[bytes] | None = None
        self._forced = 0
        """The records that are forced to disk."""
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._begun: set[str] = set()

    def schema(self, stream: str, message: Mapping[str, Any]) -> None:
        """Take the stream's SCHEMA message, which goes ahead of its records."""
        self._schemas[stream] = message
        self._begun.discard(stream)

    def add(self, arrived: InputRecord, reason: str, position: str = "") -> None:
        """Add a refused record with the reason; a killed process keeps it, and after `force` a power cut too.

        `position`: that of the outbox when it was planned. A record that was a dead letter before keeps its own.
        """
        stream = arrived.stream
        if stream not in self._begun and stream in self._schemas:
            self._write(self._schemas[stream])
        self._begun.add(stream)
        place = f"{arrived.source}:{arrived.number}"
        refusal = {"status": "refused", "reason": reason, "place": place}
        if at := arrived.refused_at or position:
            refusal["refused_at"] = at
        numbered = arrived.equal is not None and arrived.equal.number
        equal = {"equal_number": arrived.equal_number, "equal_hash": arrived.digest} if numbered else {}
        self._write({"type": "RECORD", "stream": stream, "record": arrived.record, **refusal, **equal})
        self.count += 1

    def _write(self, message: Mapping[str, Any]) -> None:
        with self._errors():
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._own_file()
            self._file.write(_ENCODER.encode(message) + b"\n")
            self._file.flush()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SettingsError(
                f"cannot write refused records to {self.path}: {error.strerror or error}",
                fix="free some disk space, or name another file with `dead_letters`",
                setting="dead_letters",
            ) from None

    def force(self) -> None:
        """Force the records so far to disk, with the names of this file and of the earlier one."""
        if self._file is not None and self._forced < self.count:
            with self._errors():
                os.fsync(self._file.fileno())
                if not self._forced:
                    force_names(self.path.parent)
            self._forced = self.count

    def _own_file(self) -> IO[bytes]:
        """A file that no other run writes; `path` becomes its name."""
        file = self._requested_file() if self._replaces else None
        names = _free_names(self.path)
        while file is None:
            self.path = next(names)
            file = _new_file(self.path)
        return file

    def _requested_file(self) -> IO[bytes] | None:
        """The file of the requested name, empty and locked; None if another run still writes it, or may."""
        try:
            while True:
                file = _opened(self.path, "ab")
                if not try_lock(file):
                    file.close()
                    return None
                if has_name(file, self.path):
                    if os.fstat(file.fileno()).st_size == 0:
                        return file
                    self.earlier = _free_earlier_name(self.path)
                    self.path.rename(self.earlier)  # it may be what is being read, or not be corrected yet
                file.close()  # it was moved: by this run, or by another one just before the lock
        except PermissionError:  # the file of another user
            return None

    def close(self) -> None:
        """Close the file, if one was needed."""
        if self._file is not None:
            with suppress(OSError):  # of what could not be written before, which was raised then
                self._file.close()


def _opened(path: Path, mode: Literal["xb", "ab"]) -> IO[bytes]:
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600))


def _new_file(path: Path) -> IO[bytes] | None:
    """A new file, locked; None if the name is taken, or if another run locked the file first and so has it."""
    try:
        file = _opened(path, "xb")
    except FileExistsError:
        return None
    # Without locks, no run takes a file that exists.
    if try_lock(file, without_locks=True) and has_name(file, path) and os.fstat(file.fileno()).st_size == 0:
        return file
    file.close()
    return None


def _free_names(path: Path) -> Iterator[Path]:
    """The name, and numbered ones after it."""
    yield path
    yield from (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))


def _free_earlier_name(path: Path) -> Path:
    """An unused name for the old file, which has the only copy of its records."""
    names = (f"{path.name}.before{number or ''}" for number in itertools.count())
    return next(free for name in names if not (free := path.with_name(name)).exists())
