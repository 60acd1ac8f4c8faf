"""The format of a recording: a folder with three small files for each exchange, and one that describes the folder.

    recording.json              format, version, masks, when it began, and an id
    000001-query.json            when, how long, HTTP status and headers, and how it ended
    000001-query.request.xml     the request
    000001-query.answer.xml      the answer, if there was one that is a document

The documents are indented for people; white space between elements has no meaning to the gateway. A folder may also
hold HAR files (HTTP Archive 1.2), as browsers and proxies write them: their exchanges with a gateway are read too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intacct_emulator.server.request_document import lxml
from intacct_protocol.errors import ProtocolError, SettingsError
from intacct_protocol.xml.xml import Element, document, parse

FORMAT, VERSION = "intacct-recording", 1
ANSWERED, UNREADABLE, NO_ANSWER = "answered", "unreadable", "no answer"
"""How an exchange ended: with a document, with other content, or without a whole answer."""
_NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came back."""

    number: int
    request: Element
    answer: Element | None = None
    outcome: str = ANSWERED
    status: int = 200
    """The HTTP status; 0 without an answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those that a client acts on: content-type, retry-after."""
    at: str = ""
    """When the request arrived, as ISO 8601 in UTC."""
    seconds: float = 0.0
    note: str = ""
    """Why there is no answer, or what came in place of one."""

    @property
    def functions(self) -> tuple[Element, ...]:
        """The elements of the functions, in their order."""
        return tuple(
            body
            for operation in self.request.findall("operation")
            for content in operation.findall("content")
            for function in content.findall("function")
            for body in function.children[:1]
        )


@dataclass(frozen=True, slots=True)
class RecordingFolder:
    """A folder of exchanges, and what its `recording.json` says."""

    folder: Path
    about: Mapping[str, Any]

    @classmethod
    def make(cls, folder: Path, about: Mapping[str, Any]) -> "RecordingFolder":
        """Begin a recording, or go on with the one in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "recording.json"
        if file.exists():
            return cls.open(folder)
        if any(folder.iterdir()):
            raise SettingsError(f"{folder} is no recording, and is not empty", fix="record to a new folder")
        file.write_text(json.dumps({"format": FORMAT, "version": VERSION, **about}, indent=2) + "\n", "utf-8")
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> "RecordingFolder":
        """Open a recording, or a folder of HAR files."""
        file = folder / "recording.json"
        if not file.exists():
            if folder.is_dir() and any(folder.glob("*.har")):
                return cls(folder, {})
            raise SettingsError(f"{folder} is no recording: it has no recording.json and no .har file")
        about = _json(file)
        if about.get("format") != FORMAT or about.get("version") != VERSION:
            raise SettingsError(f"{file} is not of the format {FORMAT} {VERSION}")
        return cls(folder, about)

    @classmethod
    def corpus(cls, folder: Path) -> "list[RecordingFolder]":
        """The recording in a folder, or those in its folders, by their names."""
        folders = sorted(inside for inside in folder.iterdir() if inside.is_dir())
        if (folder / "recording.json").exists() or not folders:
            return [cls.open(folder)]
        return [cls.open(inside) for inside in folders]

    def last_number(self) -> int:
        """The number of the last exchange; 0 in an empty recording."""
        return max((int(file.name[:6]) for file in self.folder.glob("[0-9]?????-*.json")), default=0)

    def add(self, exchange: Exchange) -> str:
        """Write an exchange; the description last, so that an exchange that has one is whole. Returns its name."""
        names = "+".join(dict.fromkeys(body.tag for body in exchange.functions)) or "request"
        name = f"{exchange.number:06}-{re.sub(r'[^A-Za-z0-9_+]', '', names)[:_NAME_LENGTH]}"
        about = {
            "at": exchange.at,
            "seconds": round(exchange.seconds, 3),
            "outcome": exchange.outcome,
            "status": exchange.status,
            "headers": dict(exchange.headers),
            **({"note": exchange.note} if exchange.note else {}),
        }
        (self.folder / f"{name}.request.xml").write_bytes(indented(exchange.request))
        if exchange.answer is not None:
            (self.folder / f"{name}.answer.xml").write_bytes(indented(exchange.answer))
        (self.folder / f"{name}.json").write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return name

    def exchanges(self) -> Iterator[Exchange]:
        """The exchanges in their order. Raises SettingsError, naming the file that cannot be read."""
        for file in sorted(self.folder.glob("[0-9]?????-*.json")):
            about, name = _json(file), file.name.removesuffix(".json")
            answer = file.with_name(f"{name}.answer.xml")
            yield Exchange(
                int(name[:6]),
                _tree(file.with_name(f"{name}.request.xml")),
                _tree(answer) if answer.exists() else None,
                str(about.get("outcome", ANSWERED)),
                int(about.get("status", 200)),
                about.get("headers", {}),
                str(about.get("at", "")),
                float(about.get("seconds", 0)),
                str(about.get("note", "")),
            )
        number = self.last_number()
        for file in sorted(self.folder.glob("*.har")):
            for entry in _entries(file):
                number += 1
                yield Exchange(number, *entry)


def indented(root: Element) -> bytes:
    """A document with one element a line."""
    etree = lxml()
    if etree is None:
        return document(root)
    tree = etree.fromstring(document(root), etree.XMLParser(resolve_entities=False, huge_tree=True))
    etree.indent(tree)
    written: bytes = etree.tostring(tree, xml_declaration=True, encoding="UTF-8")
    return written + b"\n"


def _entries(file: Path) -> Iterator[tuple[Element, Element | None, str, int]]:
    """The exchanges with a gateway in a HAR file."""
    try:
        entries = _json(file)["log"]["entries"]
        for entry in entries:
            sent = entry["request"].get("postData", {}).get("text", "")
            if "<request" not in sent:
                continue
            request, status = parse(sent.encode()), int(entry["response"]["status"])
            try:
                answer = parse(entry["response"]["content"].get("text", "").encode())
            except ProtocolError:
                yield request, None, UNREADABLE if status else NO_ANSWER, status
            else:
                yield request, answer, ANSWERED, status
    except (KeyError, TypeError, ValueError, AttributeError, ProtocolError) as error:
        raise SettingsError(f"{file} cannot be read as HAR: {error}") from None


def _json(file: Path) -> dict[str, Any]:
    try:
        about = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise SettingsError(f"{file} cannot be read: {error}") from None
    if not isinstance(about, dict):
        raise SettingsError(f"{file} cannot be read: it is no JSON object")
    return about


def _tree(file: Path) -> Element:
    try:
        return parse(file.read_bytes())
    except FileNotFoundError:
        raise SettingsError(f"{file} is missing") from None
    except ProtocolError as error:
        raise SettingsError(f"{file} cannot be read: {error.message}") from None
