"""The text of the Singer protocol: messages, catalogue, batch files, and the JSON types of Intacct's kinds.

Decimals are JSON numbers with exactly their digits. For a consumer that reads JSON numbers as floats,
`decimals = "string"` writes them as strings marked `format: x-singer.decimal`. Targets made with Meltano's SDK store
these as decimals of the precision and scale beside the format; some databases keep no decimal places without them.

Batch files hold JSON lines, plain or gzipped, on this machine.
"""

import gzip
import io
from codecs import BOM_UTF8
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast
from urllib.parse import unquote, urlsplit

import msgspec

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.json_input import json_number, refuse_repeated_keys
from intacct_protocol.model.nesting import refusing_depth
from intacct_protocol.xml.values import Kind, shown
from intacct_protocol.xml.xml import names_an_element

Decimals = Literal["number", "string"]
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECIMAL_KINDS = (Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT)


OPEN_ENDED = "intacct.open-ended"
"""Marks a stream whose columns become known only by reading it; all are selected unless some are."""


# --- schemas


def json_type(kind: Kind, *, decimals: Decimals = "number", nullable: bool = True) -> dict[str, Any]:
    """The JSON schema of a field; every field except a key can be null."""
    name = "string"
    more: dict[str, Any] = {}
    if kind in _DECIMAL_KINDS and decimals == "number":
        name = "number"
    elif kind in _DECIMAL_KINDS:
        more = {"format": "x-singer.decimal", "precision": 38, "scale": 14}
    elif kind is Kind.INTEGER:
        name = "integer"
    elif kind is Kind.BOOLEAN:
        name = "boolean"
    elif kind is Kind.DATE:
        more = {"format": "date"}
    elif kind is Kind.TIMESTAMP:
        more = {"format": "date-time"}
    return {"type": ["null", name] if nullable else [name], **more}


def json_schema(
    described: ObjectDef, keys: Sequence[str], *, fields: Iterable[str] | None = None, decimals: Decimals = "number"
) -> dict[str, Any]:
    """The stream's JSON schema with all fields or the named ones, in the gateway's order."""
    chosen = None if fields is None else set(fields)
    properties = {}
    for name, field_def in described.fields.items():
        if chosen is not None and name not in chosen:
            continue
        properties[name] = json_type(field_def.kind, decimals=decimals, nullable=name not in keys)
        text = "; ".join(
            part
            for part in (field_def.label, field_def.description if field_def.description != field_def.label else "")
            if part
        )
        if field_def.values:
            text += f"{'; ' if text else ''}one of: {', '.join(field_def.values)}"
        if text:
            properties[name]["description"] = text
    return {"type": "object", "additionalProperties": False, "properties": properties}


def catalog_entry(
    described: ObjectDef,
    *,
    stream: str,
    keys: Sequence[str],
    replication_key: str | None,
    selected: bool,
    decimals: Decimals = "number",
) -> dict[str, Any]:
    """One stream of a discovery document, with metadata for every field."""
    method = "INCREMENTAL" if replication_key else "FULL_TABLE"
    table: dict[str, Any] = {
        "table-key-properties": list(keys),
        "forced-replication-method": method,
        "inclusion": "available",
        "selected": selected,
    }
    if replication_key:
        table["valid-replication-keys"] = [replication_key]
    automatic = {*keys, *([replication_key] if replication_key else [])}
    metadata = [{"breadcrumb": [], "metadata": table}]
    for name, field_def in described.fields.items():
        about: dict[str, Any] = {"inclusion": _inclusion(name, automatic)}
        if about["inclusion"] == "available":
            about["selected-by-default"] = True
        if field_def.custom:
            about["intacct.custom"] = True
        metadata.append({"breadcrumb": ["properties", name], "metadata": about})
    entry = {
        "tap_stream_id": stream,
        "stream": stream,
        "key_properties": list(keys),
        "replication_method": method,
        "schema": json_schema(described, keys, decimals=decimals),
        "metadata": metadata,
    }
    if replication_key:
        entry["replication_key"] = replication_key
    return entry


def _inclusion(name: str, automatic: Container[str]) -> str:
    if not names_an_element(name):
        return "unsupported"  # such as DEPT#, which cannot be an element of an answer
    return "automatic" if name in automatic else "available"


# --- selection


@dataclass(frozen=True, slots=True)
class Selected:
    """The selection of one stream in a catalogue."""

    stream: str
    fields: tuple[str, ...] | None
    """None selects every field, including those added later."""
    full_table: bool = False


def read_catalog(document: Mapping[str, Any]) -> list[Selected]:
    """The selected streams of a catalogue with their fields, by the rules of the Singer specification.

    A stream is selected by its metadata, or by the legacy key `selected` of its entry. A field is left out by
    `selected: false`, or by `selected-by-default: false` without `selected`. Automatic fields are always selected.
    """
    streams = document.get("streams")
    if not isinstance(streams, list):
        raise SettingsError("the catalogue has no list of streams", fix="Create one: tap-intacct --discover")
    try:
        return [_selected(entry) for entry in streams if _wants_stream(entry)]
    except (AttributeError, KeyError, TypeError):
        raise SettingsError(
            "a stream of the catalogue does not follow the Singer specification",
            fix="Create a new catalogue: tap-intacct --discover",
        ) from None


def _about(entry: Mapping[str, Any]) -> dict[tuple[str, ...], Mapping[str, Any]]:
    return {tuple(one.get("breadcrumb", ())): one.get("metadata", {}) for one in entry.get("metadata") or ()}


def _wants_stream(entry: Mapping[str, Any]) -> bool:
    about = _about(entry).get((), {})
    if about.get("inclusion") == "unsupported":
        return False
    selected = about.get("selected")
    if selected is None:
        selected = entry.get("selected", entry.get("schema", {}).get("selected"))
    return bool(about.get("selected-by-default", False) if selected is None else selected)


def _selected(entry: Mapping[str, Any]) -> Selected:
    about = _about(entry)
    names = [name for name in entry.get("schema", {}).get("properties", {}) if _wants_field(about, name)]
    method = about.get((), {}).get("replication-method", entry.get("replication_method"))
    every = about.get((), {}).get(OPEN_ENDED) and len(names) == len(entry.get("schema", {}).get("properties", {}))
    chosen = None if every else tuple(names)
    stream = entry["tap_stream_id"]
    if not isinstance(stream, str):
        raise TypeError(stream)
    return Selected(stream, chosen, method == "FULL_TABLE")


def _wants_field(about: Mapping[tuple[str, ...], Mapping[str, Any]], name: str) -> bool:
    field_about = about.get(("properties", name), {})
    inclusion = field_about.get("inclusion")
    if inclusion in ("automatic", "unsupported"):
        return bool(inclusion == "automatic")
    selected = field_about.get("selected")
    return bool(field_about.get("selected-by-default", True) if selected is None else selected)


# --- messages out


def schema_message(stream: str, schema: Mapping[str, Any], keys: Sequence[str], bookmark: str | None) -> bytes:
    """A SCHEMA line."""
    message = {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": list(keys)}
    if bookmark:
        message["bookmark_properties"] = [bookmark]
    return _ENCODER.encode(message) + b"\n"


def state_message(value: Mapping[str, Any]) -> bytes:
    """A STATE line."""
    return _ENCODER.encode({"type": "STATE", "value": value}) + b"\n"


def activate_version_message(stream: str, version: int) -> bytes:
    """An ACTIVATE_VERSION line: rows of earlier versions are deleted."""
    return _ENCODER.encode({"type": "ACTIVATE_VERSION", "stream": stream, "version": version}) + b"\n"


def record_frame(stream: str, *, version: int | None, extracted_at: str) -> tuple[str, str]:
    """The text before and after the record in a RECORD line."""
    name = _ENCODER.encode(stream).decode()
    tail = f',"time_extracted":"{extracted_at}"' + ("" if version is None else f',"version":{version}') + "}"
    return f'{{"type":"RECORD","stream":{name},"record":', tail


def record_message(stream: str, record: Mapping[str, Any], *, version: int | None, extracted_at: str) -> bytes:
    """One RECORD line from values; `xml.jsonlines` writes whole pages."""
    before, after = record_frame(stream, version=version, extracted_at=extracted_at)
    return before.encode() + _ENCODER.encode(record) + after.encode() + b"\n"


# --- messages in


@dataclass(frozen=True, slots=True)
class Message:
    """One line of a Singer stream."""

    type: str
    stream: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(default_factory=dict)
    key_properties: tuple[str, ...] = ()
    bookmark_properties: tuple[str, ...] = ()
    """The columns by which the source continues the stream."""
    value: Any = None
    """The value of a STATE message."""
    version: int | None = None
    encoding: Mapping[str, Any] = field(default_factory=dict)
    manifest: tuple[str, ...] = ()
    """The files of a BATCH message."""
    equal_number: int = 0
    """The number of a dead letter among equal records."""
    equal_hash: str = ""
    """The digest of the content that the number is for."""
    refused_at: str = ""
    """The position of the outbox at which an earlier run refused a dead letter."""


_DECODER = msgspec.json.Decoder(float_hook=json_number)
_TYPES = ("RECORD", "SCHEMA", "STATE", "ACTIVATE_VERSION", "BATCH")


def parse_message(line: bytes, number: int) -> Message:
    """A line as a message; every number with a point is a Decimal. Raises SettingsError with the line's number."""
    if number == 1:
        line = line.removeprefix(BOM_UTF8)  # PowerShell writes one when it pipes UTF-8
    try:
        with refusing_depth(f"line {number}", line):
            raw = _DECODER.decode(line)
            refuse_repeated_keys(line, raw, f"line {number}")
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as error:
        raise SettingsError(
            f"line {number} is not JSON: {error}", fix="Pipe the output of a Singer tap to the target."
        ) from None
    kind = raw.get("type") if isinstance(raw, dict) else None
    if kind not in _TYPES:
        raise SettingsError(
            f"line {number} is not a Singer message: its type is {kind!r}, not one of {', '.join(_TYPES)}"
        )
    if kind != "STATE" and not isinstance(raw.get("stream"), str):
        raise SettingsError(f"line {number}: a {kind} message needs a stream")
    if kind == "RECORD" and not isinstance(raw.get("record"), dict):
        raise SettingsError(f"line {number}: a RECORD message needs a record")
    _check_parts(raw, number)
    return Message(
        kind,
        raw.get("stream", ""),
        raw.get("record") or {},
        raw.get("schema") or {},
        tuple(raw.get("key_properties") or ()),
        _names(raw.get("bookmark_properties")),
        raw.get("value"),
        raw.get("version"),
        raw.get("encoding") or {},
        tuple(raw.get("manifest") or ()),
        *_equal_number(raw),
        position if isinstance(position := raw.get("refused_at"), str) else "",
    )


def _check_parts(raw: Mapping[str, Any], number: int) -> None:
    """SettingsError for a part of a message that has another form than the Singer specification gives it."""
    for name in ("schema", "encoding"):
        if not isinstance(raw.get(name) or {}, dict):
            raise SettingsError(f"line {number}: {name} is {shown(str(raw[name]))}, not an object")
    schema = raw.get("schema") or {}
    named = {name: raw.get(name) for name in ("key_properties", "bookmark_properties", "manifest")}
    for name, value in {**named, "required": schema.get("required")}.items():
        names = [value] if name == "bookmark_properties" and isinstance(value, str) else value or []
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise SettingsError(f"line {number}: {name} is {shown(str(value))}, not a list of strings")


def _names(names: Any) -> tuple[str, ...]:
    """Names as a list or, as some sources have it, a text."""
    return (names,) if isinstance(names, str) and names else tuple(names or ())


def _equal_number(raw: Mapping[str, Any]) -> tuple[int, str]:
    number, digest = raw.get("equal_number"), raw.get("equal_hash")
    if isinstance(number, int) and not isinstance(number, bool) and number > 0 and isinstance(digest, str):
        return number, digest
    return 0, ""


_BATCH_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=json_number)


def batch_records(
    address: str, encoding: Mapping[str, Any], home: Path
) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """Each record of one file, with its line number and the file's name. Raises SettingsError if it is unreadable."""
    form, compression = encoding.get("format", "jsonl"), encoding.get("compression") or "none"
    if form != "jsonl" or compression not in ("none", "gzip"):
        raise SettingsError(
            f"unsupported BATCH format: {form} with the compression {compression}",
            fix="Let the tap write jsonl with gzip or without compression.",
        )
    path = _path(address, home)
    number = 0
    try:
        with path.open("rb") as raw, _unpacked(raw, compression) as file:
            for number, line in enumerate(file, 1):  # the error names the number
                if line.strip():
                    with refusing_depth(f"{path}:{number}", line):
                        record = _BATCH_DECODER.decode(line)
                        refuse_repeated_keys(line, record, f"{path}:{number}")
                    yield number, path.name, record
    except (OSError, EOFError) as error:
        raise SettingsError(
            f"the batch file {path} cannot be read: {error}", fix="Check that the file is complete."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as error:
        raise SettingsError(
            f"{path}:{number} is not a JSON object: {error}", fix="Write one object on each line."
        ) from None


def _unpacked(raw: BinaryIO, compression: str) -> BinaryIO:
    return cast(
        "BinaryIO", gzip.GzipFile(fileobj=raw) if compression == "gzip" else io.BufferedReader(cast("Any", raw))
    )


def _path(address: str, home: Path) -> Path:
    """The path of an address in a manifest."""
    parts = urlsplit(address)
    if parts.scheme not in ("", "file"):
        raise SettingsError(
            f"the batch file {address} is not on this machine", fix="Let the tap write file:// batches."
        )
    return home / unquote(parts.path if parts.scheme else address)
