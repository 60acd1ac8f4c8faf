"""Attachments: files of records, which the gateway keeps in *supdocs* with an id, a folder and any number of files.

Facts: only object-specific functions reach them; a file is a name, a type (its ending) and base64; an update can add
files and cannot replace one; a record names its supdoc in SUPDOCID. File names come from outside, so they are cleaned:
a saved file never leaves its directory.
"""

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from intacct_bridge.client.gateway.calls import Calls
from intacct_bridge.client.reading.legacy import get
from intacct_bridge.client.writing import Outcome, send_each
from intacct_protocol.errors import InvalidRequestError, RecordError, RemoteProtocolError, SettingsError
from intacct_protocol.xml.xml import Element, element

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
_LONGEST, _LONGEST_ENDING = 200, 20
"""Bytes of a file name: file systems allow 255, and a number may be added."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """One file of a supdoc."""

    name: str
    """The name at the gateway, often without its ending; `file_name` is a name for this machine."""
    kind: str
    """The ending, such as `pdf`."""
    content: bytes = field(repr=False)

    @property
    def file_name(self) -> str:
        """A safe name with its ending: without directories, and short enough for a file system."""
        stem = _UNSAFE.sub("_", self.name).strip(" .") or "file"
        ending = shortened(_UNSAFE.sub("_", self.kind).strip(" ."), _LONGEST_ENDING)
        base, _, suffix = stem.rpartition(".")
        if base and (suffix.lower() == ending.lower() if ending else len(suffix) <= _LONGEST_ENDING):
            stem, ending = base, suffix
        stem = shortened(stem, _LONGEST - len(f".{ending}".encode()))
        name = f"{stem}.{ending}" if ending else stem
        return f"_{name}" if _DEVICES.match(name) else name


class Attachments:
    """The supdocs of one session."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def read(self, supdoc_id: str) -> list[AttachedFile]:
        """The files of a supdoc with their content; InvalidRequestError if there is no such supdoc."""
        data = self._calls.ask(get("supdoc", supdoc_id)).data
        if data is None:  # a missing supdoc is a success without data
            raise InvalidRequestError(f"there is no attachment {supdoc_id}", by_gateway=True)
        return [_file(found, supdoc_id) for found in _all(data, "attachment")]

    def save(self, supdoc_id: str, directory: str | Path) -> list[Path]:
        """Write a supdoc's files into a directory; a second file of the same name gets a number."""
        folder = Path(directory)
        saved: list[Path] = []
        for each in self.read(supdoc_id):
            path = folder / each.file_name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                path, file = _new_file(folder, each.file_name)
                with file:
                    file.write(each.content)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise SettingsError(
                    f"{path} cannot be written: {error.strerror}",
                    fix="Free some disk space, or check the permissions of the folder.",
                ) from None
            saved.append(path)
        return saved

    def create(
        self, supdoc_id: str, files: Iterable[str | Path | AttachedFile], *, folder: str, name: str = "", text: str = ""
    ) -> Outcome:
        """Create a supdoc in an existing folder; the outcome's key is the SUPDOCID for records."""
        return self._write(
            "create_supdoc", supdoc_id, files, head={"name": name or supdoc_id, "folder": folder, "text": text}
        )

    def add(self, supdoc_id: str, files: Iterable[str | Path | AttachedFile]) -> Outcome:
        """Add files to an existing supdoc."""
        return self._write("update_supdoc", supdoc_id, files, head={})

    def delete(self, supdoc_id: str) -> Outcome:
        """Delete a supdoc with all its files."""
        return send_each(self._calls, [Element("delete_supdoc", attributes={"key": supdoc_id})])[0]

    def create_folder(self, name: str, *, parent: str = "", text: str = "") -> Outcome:
        """Create a folder for supdocs."""
        parts = [element("supdocfoldername", name)]
        parts += [element("supdocfolderdescription", text)] if text else []
        parts += [element("supdocparentfoldername", parent)] if parent else []
        return send_each(self._calls, [Element("create_supdocfolder", children=tuple(parts))])[0]

    def _write(
        self, function: str, supdoc_id: str, files: Iterable[str | Path | AttachedFile], *, head: dict[str, str]
    ) -> Outcome:
        parts = [element("supdocid", supdoc_id)]
        tags = (("supdocname", "name"), ("supdocfoldername", "folder"), ("supdocdescription", "text"))
        parts += [element(tag, head[key]) for tag, key in tags if head.get(key)]
        attached = tuple(_element(each) for each in files)
        if attached:
            parts.append(Element("attachments", children=attached))
        return send_each(self._calls, [Element(function, children=tuple(parts))])[0]


def _element(source: str | Path | AttachedFile) -> Element:
    each = source if isinstance(source, AttachedFile) else _from_disk(Path(source))
    return element(
        "attachment",
        element("attachmentname", each.name),
        element("attachmenttype", each.kind),
        element("attachmentdata", base64.b64encode(each.content).decode()),
    )


def _from_disk(path: Path) -> AttachedFile:
    try:
        return AttachedFile(path.stem, path.suffix.lstrip("."), path.read_bytes())
    except OSError as error:
        raise RecordError(f"the attachment {path} cannot be read: {error.strerror}", field="SUPDOCID") from None


def _file(element_of_file: Element, supdoc_id: str) -> AttachedFile:
    try:
        content = base64.b64decode("".join(element_of_file.findtext("attachmentdata").split()), validate=True)
    except (binascii.Error, ValueError):
        raise RemoteProtocolError(f"a file of the attachment {supdoc_id} is not base64", function="get") from None
    return AttachedFile(element_of_file.findtext("attachmentname"), element_of_file.findtext("attachmenttype"), content)


def _all(root: Element, tag: str) -> Iterator[Element]:
    for child in root:
        if child.tag == tag:
            yield child
        else:
            yield from _all(child, tag)


def _new_file(directory: Path, name: str) -> tuple[Path, BinaryIO]:
    """A file of that name, or of the first numbered one that is free, even if another process takes names as well."""
    path, number = directory / name, 1
    while True:
        with suppress(FileExistsError):
            return path, path.open("xb")
        number += 1
        path = directory / f"{Path(name).stem}-{number}{Path(name).suffix}"


def shortened(text: str, most: int) -> str:
    """The beginning of a text that fits into a number of bytes of UTF-8."""
    return text.encode()[:most].decode(errors="ignore").rstrip(" .") if len(text.encode()) > most else text
