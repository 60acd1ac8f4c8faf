"""Files that are attached to a record: read, named as Intacct requires, and sent in one transaction with the record.

The attachment's id follows from the record's identity, so that a second try creates the same attachment; it has at most
20 characters. A file's type has no dot and its name no extension. Attachment and record are applied together or not at
all, so neither is left without the other.
"""

import base64
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.client.reading.legacy import get
from intacct_bridge.load.records.identity import Identifier, content_digest
from intacct_bridge.load.records.write import Write, WriteOperation, record_label
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RecordError, RefusedError
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.xml.values import Value
from intacct_protocol.xml.xml import Element, element

FileSource = Path | Mapping[str, Path] | None
"""Where the files are that rows name: a folder, or files by their names in NFC; None if rows may name none."""
COLUMN = "attachments"
"""The column that names files; case does not matter."""
FOLDER = "Uploads"
_LONGEST_ID = 20
_SEPARATOR = ";"
TOGETHER = "together"
"""The element around functions that are applied together; it stays in the outbox and is never sent."""


def real_folder(base: FileSource) -> FileSource:
    """The same source; a folder by the path that it has without links. An input takes it once, for all its rows."""
    return base.resolve() if isinstance(base, Path) else base


def read_paths(cell: object, base: FileSource) -> tuple[str, ...]:
    """The files that a cell names: `a.pdf; b.png`, or a list of names or of records with a `path`, or `id` and `name`.

    A folder comes from `real_folder`. Files must be in the input's own folder, or among those that came with it, so
    that an input from another place cannot send any file of this machine. RecordError for a missing file.
    """
    if cell is None or cell == "":
        return ()
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        cell = _list_in_text(cell)
    if cell == []:
        return ()
    if base is None:
        raise RecordError("the record names files, but no folder of files is set", fix="set `input_path`", field=COLUMN)
    named = cell if isinstance(cell, list) else str(cell).split(_SEPARATOR)
    return tuple(str(_path(text, base)) for one in named if (text := _name(one, base)))


def all_files(cells: Iterable[object]) -> object:
    """The cells of a record's rows as one cell with each file once: rows repeat files, or have some of their own."""
    filled = [cell for cell in cells if cell not in (None, "", [])]
    if len(filled) < 2 or not all(isinstance(cell, str) and not cell.lstrip().startswith("[") for cell in filled):
        return filled[0] if filled else None
    names = (name.strip() for cell in filled for name in str(cell).split(_SEPARATOR))
    return f"{_SEPARATOR} ".join(dict.fromkeys(name for name in names if name))


def _name(entry: object, base: Path | Mapping[str, Path]) -> str:
    text = _text(entry, base).strip()
    if "\0" in text:
        raise RecordError(
            f"the file name {text!r} holds a NUL character", fix="correct the name of the file", field=COLUMN
        )
    return text


def _list_in_text(cell: str) -> object:
    """A list in a text, as some taps write it."""
    try:
        entries: object = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    return entries


def _text(entry: object, base: Path | Mapping[str, Path]) -> str:
    """The name of a file; hotglue puts the attachment's id before the name."""
    if not isinstance(entry, Mapping):
        return str(entry)
    name = str(entry.get("path") or entry.get("name") or "")
    if not name and entry.get("url"):
        raise RecordError(
            f"the attachment at {entry['url']} is not fetched",
            fix="save it beside the input and name it",
            field=COLUMN,
        )
    marked = f"{entry.get('id')}_{name}"
    if "\0" in marked:
        return marked
    is_marked = nfc(marked) in base if isinstance(base, Mapping) else _is_file(base / marked)
    return marked if entry.get("id") is not None and is_marked else name


def _path(text: str, base: Path | Mapping[str, Path]) -> Path:
    path = _attached_file(text, base) if isinstance(base, Mapping) else _beside(text, base)
    if not path.suffix[1:]:
        raise RecordError(f"the file {text} has no extension, and Intacct requires a type", field=COLUMN)
    return path


def _attached_file(text: str, files: Mapping[str, Path]) -> Path:
    """One of the files that came with the input. A name with a folder is none of them: it could mean another file."""
    path = files.get(nfc(text))
    if path is None:
        name = nfc(text).replace("\\", "/").rpartition("/")[2]
        fix = f"write {name}, without the folder" if name in files else "add the file, or correct its name"
        raise RecordError(f"there is no file {text} among the files that came with the table", fix=fix, field=COLUMN)
    return path


def _beside(text: str, inside: Path) -> Path:
    """A file of the folder, or of one below it, by the path that it has without links."""
    named = inside / text
    if _is_plain_name(text) and _is_unlinked_file(named):
        return named
    path = named.resolve()
    if not path.is_relative_to(inside):
        raise RecordError(f"the file {text} is outside {inside}", fix="put it beside the input", field=COLUMN)
    if not _is_file(path):
        raise RecordError(f"there is no file {text} in {inside}", fix="check its name", field=COLUMN)
    return path


def _is_plain_name(text: str) -> bool:
    """Whether a text is the name of a file and no path; elsewhere than on POSIX, a name has several spellings."""
    return os.name == "posix" and "/" not in text


def _is_unlinked_file(path: Path) -> bool:
    """Whether the path is that of a file, and of no link to one; most files that rows name are."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no file can have this name, such as one of 300 characters
        return False


def with_files(digest: str, paths: Iterable[str]) -> str:
    """A record's digest combined with those of its files: another file under the same name is other content."""
    return _with_contents(digest, ((path.name, path.read_bytes()) for path in map(Path, paths)))


def with_sent_files(digest: str, paths: Sequence[str], function: Element) -> str:
    """The same for the files that a function of `supdoc` has, which were read once more for it."""
    sent = function.find("attachments")
    contents = (base64.b64decode(one.findtext("attachmentdata")) for one in (sent.children if sent is not None else ()))
    return _with_contents(digest, zip((Path(one).name for one in paths), contents, strict=True))


def _with_contents(digest: str, named: Iterable[tuple[str, bytes]]) -> str:
    files = [[name, hashlib.sha256(content).hexdigest()] for name, content in named]
    return hashlib.sha256(json.dumps([digest, files]).encode()).hexdigest() if files else digest


def supdoc_id(write: Write) -> str:
    """The attachment's id: the record's own SUPDOCID, else one made from its identity."""
    attachment_id = write.fields.get("SUPDOCID")
    if isinstance(attachment_id, str) and attachment_id:
        if len(attachment_id) > _LONGEST_ID:
            raise InvalidRequestError(f"the SUPDOCID {attachment_id!r} has more than {_LONGEST_ID} characters")
        return attachment_id
    return "IB" + hashlib.sha256(f"{write.object} {write.identity.text}".encode()).hexdigest()[:18].upper()


def supdoc(write: Write, folder: str) -> Element:
    """The function that creates the record's attachment."""
    return element(
        "create_supdoc",
        element("supdocid", supdoc_id(write)),
        element("supdocname", write.label[:100]),
        element("supdocfoldername", folder),
        Element("attachments", children=tuple(_file(path, name) for path, name in _named(write.attachments))),
    )


def check_files(write: Write) -> None:
    """Raise InvalidRequestError if `supdoc` would, without reading the files."""
    supdoc_id(write)
    for path in map(Path, write.attachments):
        try:
            path.open("rb", buffering=0).close()
        except OSError as error:
            raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> InvalidRequestError:
    return InvalidRequestError(f"cannot read {path}: {error.strerror or error}", fix="check the file")


def _named(paths: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Each file with its name in Intacct: of files with equal names, the second is `scan (2)`."""
    used: set[str] = set()
    for path in map(Path, paths):
        names = (path.stem if number == 1 else f"{path.stem} ({number})" for number in count(1))
        name = next(name for name in names if f"{name}{path.suffix}".casefold() not in used)
        used.add(f"{name}{path.suffix}".casefold())
        yield path, name


def _file(path: Path, name: str) -> Element:
    try:
        data = base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise _unreadable(path, error) from None
    return element(
        "attachment",
        element("attachmentname", name),
        element("attachmenttype", path.suffix[1:]),
        element("attachmentdata", data),
    )


def together(*functions: Element) -> Element:
    """Functions that are applied together or not at all; the last is the record's own."""
    return Element(TOGETHER, children=functions)


def folder_missing(company: Gateway, folder: str) -> bool:
    """Whether the company has no such attachment folder; if it refuses to answer, the folder is taken to exist."""
    try:
        data = company.ask(get("supdocfolder", folder)).data
    except (InvalidRequestError, NotPermittedError, RefusedError):
        return False
    return data is None or not data.children


def folder_write(folder: str) -> Write:
    """The write that creates the folder."""
    fields: dict[str, Value] = {"SUPDOCFOLDERNAME": folder}
    digest = content_digest("SUPDOCFOLDER", fields, {})
    identity = Identifier().identify("SUPDOCFOLDER", fields, digest=digest)
    label = record_label("attachment folder", repr(folder))
    return Write(WriteOperation.CREATE, "SUPDOCFOLDER", fields, identity, digest, label, ())
