"""A folder as a receiver: one file of JSON lines for each object, to which events are added."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from intacct_bridge.changes.delivery import DeliveryError
from intacct_bridge.changes.event import ChangeEvent, encode
from intacct_protocol.errors import SettingsError


class JsonFilesReceiver:
    """Adds lines to `OBJECT.jsonl`. A delivery has ended when its lines are on the disk."""

    def __init__(self, folder: Path) -> None:
        """SettingsError if the folder cannot be made."""
        self._folder = folder
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"{folder} cannot be made: {error.strerror}", fix="name another folder") from None

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Add the events; DeliveryError if a file cannot be written."""
        texts: dict[Path, bytes] = {}
        for event in events:
            path = self._folder / f"{quote(event.object, safe=' ')}.jsonl"
            texts[path] = texts.get(path, b"") + encode(event.to_dict()) + b"\n"
        with self._lock:
            for path, text in texts.items():
                try:
                    _append(path, text)
                except OSError as error:
                    raise DeliveryError(f"{path} cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Nothing is held."""


def _append(path: Path, text: bytes) -> None:
    """Add lines and wait for the disk; a line that a killed process left unfinished is removed first."""
    with path.open("a+b") as file:
        end = file.tell()
        whole = _last_line_end(path, end)
        if whole < end:
            file.truncate(whole)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _last_line_end(path: Path, size: int, piece: int = 65_536) -> int:
    """The position after the last line that is whole."""
    with path.open("rb") as file:
        end = size
        while end:
            start = max(0, end - piece)
            file.seek(start)
            position = file.read(end - start).rfind(b"\n")
            if position >= 0:
                return start + position + 1
            end = start
    return 0
