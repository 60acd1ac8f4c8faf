"""The files attached to the records of a copy: each supdoc in a folder of its own, fetched once, with its checksums.

A folder gets its name when all its files are in it, so a folder with a name is complete. `files.jsonl` beside the
folders has a line for every file: the supdoc, the path, the size and the SHA-256.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from intacct_bridge.client.attachments import shortened
from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.machine.locks import try_lock
from intacct_bridge.machine.replaced_file import replaced
from intacct_protocol.errors import (
    BusyError,
    CapError,
    RefusedError,
    RemoteProtocolError,
    SettingsError,
    SignInError,
    TransientError,
)
from intacct_protocol.model.query.query import Query, field

SUPDOC = "SUPDOCID"
INDEX = "files.jsonl"
LONGEST = 120
"""Bytes of a folder's name."""
MOST_FAILURES = 3
"""After this many supdocs in a row without an answer, the others are left to the next run."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)

Fetched = tuple[str, int, str]
"""A supdoc, the number of its files, and why there are none."""


def fetch_attachments(gateway: ReadGateway, objects: Iterable[str], to: Path) -> Iterator[Fetched]:
    """Save the supdocs that the records of these objects name and that are not there yet.

    Files of a supdoc cannot be replaced in Intacct, only added, so an existing folder is not fetched again; remove it
    to fetch it again.
    """
    with _locked(to):
        index, failures = _FileIndex(to), 0
        for supdoc, problem in _supdocs(gateway, objects):
            if problem:
                yield supdoc, 0, problem
                continue
            folder = to / _folder_name(supdoc)
            if folder.exists():
                index.add(supdoc, folder)
                continue
            try:
                count, failures = _fetch(gateway, supdoc, folder, index), 0
            except SignInError:
                raise
            except CapError as error:
                yield supdoc, 0, error.message
                return
            except (RefusedError, RemoteProtocolError) as error:
                yield supdoc, 0, error.message
            except TransientError as error:
                failures += 1
                if failures == MOST_FAILURES:
                    raise
                yield supdoc, 0, error.message
            else:
                yield supdoc, count, ""


def _fetch(gateway: ReadGateway, supdoc: str, folder: Path, index: "_FileIndex") -> int:
    """Save one supdoc under a temporary name, then give it its own; the number of its files."""
    temporary = folder.with_name(f".{folder.name}.part")
    saved = gateway.attachments.save(supdoc, temporary)
    if saved:
        temporary.rename(folder)
        index.add(supdoc, folder, fetched=True)
    return len(saved)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder, and remove what a killed run left; SettingsError for errors of the system."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".writing").open("wb") as file:
            if not try_lock(file):
                raise BusyError(f"another run is writing to {folder}", fix="wait until it has ended")
            for left in folder.glob(".*.part"):
                shutil.rmtree(left)
            yield
    except OSError as error:
        raise SettingsError(
            f"{error.filename or folder} cannot be written: {error.strerror}",
            fix="free some disk space or check the permissions; saved folders are complete, and the next run continues",
        ) from None


def _supdocs(gateway: ReadGateway, objects: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The supdocs that records name, each once; for an object that cannot be read, its name and why."""
    supdocs: set[str] = set()
    for name in objects:
        try:
            for supdoc in _supdocs_of(gateway, name):
                if supdoc not in supdocs:
                    supdocs.add(supdoc)
                    yield supdoc, ""
        except (CapError, SignInError):
            raise
        except RefusedError as error:
            yield f"files of {name}", error.message


def _supdocs_of(gateway: ReadGateway, name: str) -> Iterator[str]:
    """The supdocs that the records of one object name."""
    supdoc_field = next((one for one in gateway.describe(name).fields if one.upper() == SUPDOC), "")
    if not supdoc_field:
        return
    at_top = not gateway.connection.location_id
    has_supdoc = None if gateway.connection.is_legacy else field(SUPDOC).is_not_null()  # 2.1 has no such filter
    for row in gateway.query(Query(name, (supdoc_field,), where=has_supdoc, show_private=at_top)):
        if row.get(supdoc_field):
            yield str(row[supdoc_field])


class _FileIndex:
    """The index of saved files. It follows the folders, so missing lines are added later."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._path = folder / INDEX
        self._paths: dict[str, set[str]] = {}
        complete, newline, torn = self._text().rpartition("\n")
        if torn:  # a run ended while it wrote this line
            self._rewrite(complete + newline)
        for line in filter(None, complete.split("\n")):  # not splitlines: names may hold other line ends
            try:
                entry = json.loads(line)
                self._paths.setdefault(entry["supdoc"], set()).add(entry["path"])
            except (ValueError, KeyError, TypeError):
                raise SettingsError(
                    f"{self._path} is damaged", fix="Remove it; the next run writes it again from the files."
                ) from None

    def add(self, supdoc: str, folder: Path, *, fetched: bool = False) -> None:
        """Add the files of a folder, unless they are there already and were not `fetched` just now."""
        files = {path.relative_to(self._root).as_posix(): path for path in folder.iterdir() if path.is_file()}
        paths = self._paths.get(supdoc)
        if paths == set(files) and not fetched:
            return
        lines = "".join(_line(supdoc, path, files[path]) for path in sorted(files))
        if paths is None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(lines)
        else:
            others = [one for one in self._text().split("\n") if one and json.loads(one)["supdoc"] != supdoc]
            self._rewrite("".join(f"{one}\n" for one in others) + lines)
        self._paths[supdoc] = set(files)

    def _text(self) -> str:
        return self._path.read_text("utf-8", errors="replace") if self._path.exists() else ""

    def _rewrite(self, text: str) -> None:
        with replaced(self._path) as fresh:
            fresh.write_text(text, "utf-8")


def _line(supdoc: str, name: str, path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    entry = {"supdoc": supdoc, "path": name, "bytes": path.stat().st_size, "sha256": digest}
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _folder_name(supdoc: str) -> str:
    """A name that stays inside the directory, and that neither another supdoc nor one of our own files has."""
    safe = "".join(char if char.isalnum() or char in "-_. " else "_" for char in supdoc).strip(". ")
    safe = shortened(safe, LONGEST)
    if safe == supdoc and safe != INDEX and not _DEVICES.match(safe):
        return safe
    return f"{safe}-{hashlib.sha256(supdoc.encode()).hexdigest()[:8]}"
