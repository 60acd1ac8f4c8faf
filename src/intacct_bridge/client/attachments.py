"""Files attached to records. The gateway keeps them in *supdocs*: a supdoc has an id, a folder and any number of files.

Facts: only the object-specific functions reach them; a file is a name, a type (its ending) and base64; an update can
add files and cannot replace one; a record names its supdoc in SUPDOCID. Names come from outside, so what is saved is
kept inside its directory whatever a name says.
"""

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from intacct_bridge.client.gateway.calls import Calls
from intacct_bridge.client.reading.legacy import get
from intacct_bridge.client.writing import Outcome, send_each
from intacct_bridge.errors import InvalidRequestError, RecordError, RemoteProtocolError, SettingsError
from intacct_bridge.wire.xml import Element, element

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
_LONGEST, _LONGEST_ENDING = 200, 20
"""Bytes of a file's name: disks take 255, and a number may have to be added."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """One file of a supdoc."""

    name: str
    """As the gateway has it: without its ending, often; `file_name` is fit for a disk."""
    kind: str
    """The ending, such as `pdf`."""
    content: bytes = field(repr=False)

    @property
    def file_name(self) -> str:
        """A name that cannot leave its directory and that a disk has room for, with its ending."""
        stem = _UNSAFE.sub("_", self.name).strip(" .") or "file"
        ending = shortened(_UNSAFE.sub("_", self.kind).strip(" ."), _LONGEST_ENDING)
        before, _, after = stem.rpartition(".")
        if before and (after.lower() == ending.lower() if ending else len(after) <= _LONGEST_ENDING):
            stem, ending = before, after
        stem = shortened(stem, _LONGEST - len(f".{ending}".encode()))
        whole = f"{stem}.{ending}" if ending else stem
        return f"_{whole}" if _DEVICES.match(whole) else whole


class Attachments:
    """The supdocs of one session."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def read(self, supdoc_id: str) -> list[AttachedFile]:
        """The files of a supdoc with their content; a supdoc that is not there is an InvalidRequestError."""
        data = self._calls.ask(get("supdoc", supdoc_id)).data
        if data is None:  # a miss is a success without data
            raise InvalidRequestError(f"there is no attachment {supdoc_id}", by_gateway=True)
        return [_file(found, supdoc_id) for found in _all(data, "attachment")]

    def save(self, supdoc_id: str, directory: str | Path) -> list[Path]:
        """Write a supdoc's files into a directory; of two with one name the second gets a number."""
        place = Path(directory)
        saved: list[Path] = []
        for each in self.read(supdoc_id):
            path = _free(place, each.file_name)
            try:
                place.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    file.write(each.content)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise SettingsError(
                    f"{path} cannot be written: {error.strerror}", fix="make room, or check the rights of the folder"
                ) from None
            saved.append(path)
        return saved

    def create(
        self, supdoc_id: str, files: Iterable[str | Path | AttachedFile], *, folder: str, name: str = "", text: str = ""
    ) -> Outcome:
        """Make a supdoc in a folder that is there; the outcome's key is what a record names as its SUPDOCID."""
        return self._write(
            "create_supdoc", supdoc_id, files, head={"name": name or supdoc_id, "folder": folder, "text": text}
        )

    def add(self, supdoc_id: str, files: Iterable[str | Path | AttachedFile]) -> Outcome:
        """Add files to a supdoc that is there."""
        return self._write("update_supdoc", supdoc_id, files, head={})

    def delete(self, supdoc_id: str) -> Outcome:
        """Delete a supdoc with all its files."""
        return send_each(self._calls, [Element("delete_supdoc", attributes={"key": supdoc_id})])[0]

    def create_folder(self, name: str, *, parent: str = "", text: str = "") -> Outcome:
        """Make a folder for supdocs."""
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


def _element(given: str | Path | AttachedFile) -> Element:
    each = given if isinstance(given, AttachedFile) else _from_disk(Path(given))
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


def _file(found: Element, supdoc_id: str) -> AttachedFile:
    try:
        content = base64.b64decode("".join(found.findtext("attachmentdata").split()), validate=True)
    except (binascii.Error, ValueError):
        raise RemoteProtocolError(f"a file of the attachment {supdoc_id} is not base64", function="get") from None
    return AttachedFile(found.findtext("attachmentname"), found.findtext("attachmenttype"), content)


def _all(root: Element, tag: str) -> Iterator[Element]:
    for child in root:
        if child.tag == tag:
            yield child
        else:
            yield from _all(child, tag)


def _free(directory: Path, name: str) -> Path:
    path, number = directory / name, 1
    while path.exists():
        number += 1
        path = directory / f"{Path(name).stem}-{number}{Path(name).suffix}"
    return path


def shortened(text: str, most: int) -> str:
    """The beginning of a text that takes no more bytes than that."""
    return text.encode()[:most].decode(errors="ignore").rstrip(" .") if len(text.encode()) > most else text
