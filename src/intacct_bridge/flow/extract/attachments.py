"""The files attached to the records of a copy: each supdoc in a folder of its own, fetched once, with what proves it.

A folder gets its name when all its files are in it, so whatever has a name is whole. `files.jsonl` beside the folders
has a line for every file: the supdoc, its place, its size and its SHA-256.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from intacct_bridge.client.attachments import shortened
from intacct_bridge.client.client import Client
from intacct_bridge.client.local.locks import try_lock
from intacct_bridge.errors import (
    CapError,
    RefusedError,
    RemoteProtocolError,
    SettingsError,
    SignInError,
    TransientError,
)
from intacct_bridge.flow.streams.names import LISTING
from intacct_bridge.flow.streams.stream import Stream
from intacct_bridge.model.query.query import Query, field

SUPDOC = "SUPDOCID"
INDEX = "files.jsonl"
LONGEST = 120
"""Bytes of a folder's name."""
SILENCES = 3
"""After so many supdocs in a row that got no answer, the rest is left to the next run."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)

Fetched = tuple[str, int, str]
"""A supdoc, how many files it has, and why there are none."""


def objects_of(streams: Iterable[Stream]) -> list[str]:
    """The objects behind some streams, each once."""
    listed = (one.virtual.subject if one.virtual and one.virtual.reader == LISTING else one.object for one in streams)
    return [name for name in dict.fromkeys(listed) if name]


def fetch_attachments(client: Client, objects: Iterable[str], to: Path) -> Iterator[Fetched]:
    """Save what the records of these objects name and is not there yet: supdoc, number of files, or why there are none.

    Files of a supdoc cannot be replaced in Intacct, only added, so a folder that is there is left alone; remove it to
    fetch it again.
    """
    with _folder_of_ours(to):
        index, silent = _Index(to), 0
        for supdoc, problem in _named(client, objects):
            if problem:
                yield supdoc, 0, problem
                continue
            folder = to / _folder(supdoc)
            if folder.exists():
                index.add(supdoc, folder)
                continue
            try:
                count, silent = _fetched(client, supdoc, folder, index), 0
            except SignInError:
                raise
            except CapError as error:
                yield supdoc, 0, error.message
                return
            except (RefusedError, RemoteProtocolError) as error:
                yield supdoc, 0, error.message
            except TransientError as error:
                silent += 1
                if silent == SILENCES:
                    raise
                yield supdoc, 0, error.message
            else:
                yield supdoc, count, ""


def _fetched(client: Client, supdoc: str, folder: Path, index: "_Index") -> int:
    """Save one supdoc beside its place, then put it there; the number of its files."""
    beside = folder.with_name(f".{folder.name}.part")
    saved = client.attachments.save(supdoc, beside)
    if saved:
        beside.rename(folder)
        index.add(supdoc, folder, anew=True)
    return len(saved)


@contextmanager
def _folder_of_ours(place: Path) -> Iterator[None]:
    """Keep other runs out, clear away what a killed one left half-written, and put the system's errors into words."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        with (place / ".writing").open("wb") as file:
            if not try_lock(file):
                raise SettingsError(f"another run is writing to {place}", fix="wait until it has ended")
            for left in place.glob(".*.part"):
                shutil.rmtree(left)
            yield
    except OSError as error:
        raise SettingsError(
            f"{error.filename or place} cannot be written: {error.strerror}",
            fix="make room or check the rights; what has a name is whole, and the next run fetches the rest",
        ) from None


def _named(client: Client, objects: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The supdocs that records name, each once; for an object that cannot be read its name and why."""
    seen: set[str] = set()
    for name in objects:
        try:
            for supdoc in _named_by(client, name):
                if supdoc not in seen:
                    seen.add(supdoc)
                    yield supdoc, ""
        except (CapError, SignInError):
            raise
        except RefusedError as error:
            yield f"files of {name}", error.message


def _named_by(client: Client, name: str) -> Iterator[str]:
    """What the records of one object name."""
    found = next((one for one in client.describe(name).fields if one.upper() == SUPDOC), "")
    if not found:
        return
    at_top = not client.connection.location_id
    some = None if client.connection.is_legacy else field(SUPDOC).is_not_null()  # 2.1 cannot ask so
    for row in client.query(Query(name, (found,), where=some, show_private=at_top)):
        if row.get(found):
            yield str(row[found])


class _Index:
    """What is written down of the files. It follows the folders, so whatever it lacks of them is made up for."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._path = place / INDEX
        self._known: dict[str, set[str]] = {}
        whole, newline, torn = self._text().rpartition("\n")
        if torn:  # a run ended while it wrote this line
            self._rewrite(whole + newline)
        for line in filter(None, whole.split("\n")):  # not splitlines: names may hold other ends of lines
            try:
                about = json.loads(line)
                self._known.setdefault(about["supdoc"], set()).add(about["path"])
            except (ValueError, KeyError, TypeError):
                raise SettingsError(
                    f"{self._path} is damaged", fix="Remove it; it is made anew from the files."
                ) from None

    def add(self, supdoc: str, folder: Path, *, anew: bool = False) -> None:
        """Note the files of a folder, unless just these are noted and not written `anew`."""
        files = {path.relative_to(self._place).as_posix(): path for path in folder.iterdir() if path.is_file()}
        noted = self._known.get(supdoc)
        if noted == set(files) and not anew:
            return
        lines = "".join(_line(supdoc, at, files[at]) for at in sorted(files))
        if noted is None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(lines)
        else:
            others = [one for one in self._text().split("\n") if one and json.loads(one)["supdoc"] != supdoc]
            self._rewrite("".join(f"{one}\n" for one in others) + lines)
        self._known[supdoc] = set(files)

    def _text(self) -> str:
        return self._path.read_text("utf-8", errors="replace") if self._path.exists() else ""

    def _rewrite(self, text: str) -> None:
        fresh = self._path.with_name(f".{INDEX}.tmp")
        fresh.write_text(text, "utf-8")
        fresh.replace(self._path)


def _line(supdoc: str, at: str, path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    about = {"supdoc": supdoc, "path": at, "bytes": path.stat().st_size, "sha256": digest}
    return json.dumps(about, ensure_ascii=False) + "\n"


def _folder(supdoc: str) -> str:
    """A name that cannot lead out of the directory, and that no other supdoc and none of our own files has."""
    safe = "".join(char if char.isalnum() or char in "-_. " else "_" for char in supdoc).strip(". ")
    safe = shortened(safe, LONGEST)
    if safe == supdoc and safe != INDEX and not _DEVICES.match(safe):
        return safe
    return f"{safe}-{hashlib.sha256(supdoc.encode()).hexdigest()[:8]}"
