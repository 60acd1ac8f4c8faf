"""The files attached to the records of a copy: each supdoc in a folder of its own, fetched once, with what proves it.

`files.jsonl` beside the folders has a line for every file: the supdoc, its place, its size and its SHA-256.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from intacct_bridge.client.client import Client
from intacct_bridge.errors import RefusedError, SettingsError
from intacct_bridge.flow.feed import LISTING
from intacct_bridge.flow.stream import Stream
from intacct_bridge.model.query import Query, field

SUPDOC = "SUPDOCID"
INDEX = "files.jsonl"


def objects_of(streams: Iterable[Stream]) -> list[str]:
    """The objects behind some streams, each once."""
    listed = (one.feed.subject if one.feed and one.feed.reader == LISTING else one.object for one in streams)
    return [name for name in dict.fromkeys(listed) if name]


def fetch_attachments(client: Client, objects: Iterable[str], to: Path) -> Iterator[tuple[str, int, str]]:
    """Save what the records of these objects name and is not there yet: supdoc, number of files, or why there are none.

    Files of a supdoc cannot be replaced in Intacct, only added, so a folder that is there is left alone; remove it to
    fetch it again.
    """
    index = _Index(to)
    for supdoc in _named(client, objects):
        folder = to / _folder(supdoc)
        if folder.exists():
            index.add(supdoc, folder)
            continue
        beside = folder.with_name(folder.name + ".part")
        shutil.rmtree(beside, ignore_errors=True)  # of a run that was killed
        try:
            saved = client.attachments.save(supdoc, beside)
        except RefusedError as error:
            yield supdoc, 0, error.message
            continue
        if saved:
            beside.rename(folder)
            index.add(supdoc, folder)
        yield supdoc, len(saved), ""


def _named(client: Client, objects: Iterable[str]) -> Iterator[str]:
    """The supdocs that records name, each once."""
    at_top = not client.connection.location_id
    seen: set[str] = set()
    for name in objects:
        found = next((one for one in client.describe(name).fields if one.upper() == SUPDOC), "")
        if not found:
            continue
        some = None if client.connection.dtd_version == "2.1" else field(SUPDOC).is_not_null()  # 2.1 cannot ask so
        for row in client.query(Query(name, (found,), where=some, show_private=at_top)):
            supdoc = str(row.get(found) or "")
            if supdoc and supdoc not in seen:
                seen.add(supdoc)
                yield supdoc


class _Index:
    """What is written down of the files; folders that a killed run left out are added."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._path = place / INDEX
        lines = self._path.read_text("utf-8").splitlines() if self._path.exists() else ()
        try:
            self._known = {json.loads(line)["supdoc"] for line in lines}
        except (ValueError, KeyError, TypeError):
            raise SettingsError(f"{self._path} is damaged", fix="Remove it; it is made anew from the files.") from None

    def add(self, supdoc: str, folder: Path) -> None:
        """Note the files of a folder, once."""
        if supdoc in self._known:
            return
        self._known.add(supdoc)
        lines = []
        for path in sorted(one for one in folder.iterdir() if one.is_file()):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            at = path.relative_to(self._place).as_posix()
            about = {"supdoc": supdoc, "path": at, "bytes": path.stat().st_size, "sha256": digest}
            lines.append(json.dumps(about, ensure_ascii=False) + "\n")
        with self._path.open("a", encoding="utf-8") as file_:
            file_.write("".join(lines))


def _folder(supdoc: str) -> str:
    """A name that cannot lead out of the directory, and that no other supdoc has."""
    safe = "".join(char if char.isalnum() or char in "-_. " else "_" for char in supdoc).strip(". ")
    return safe if safe == supdoc else f"{safe}-{hashlib.sha256(supdoc.encode()).hexdigest()[:8]}"
