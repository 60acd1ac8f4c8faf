"""intacct.toml: read as data, and edited one table at a time so that everything else in it stays as it is.

A connection is a table `[connections.NAME]`, a shared sender `[senders.NAME]`. An edit replaces or removes exactly the
lines of such a table and is then proved: the file parsed after must equal the data before with that one change, or
nothing is written. Files are written whole beside the old one and moved over it, readable by their owner only.
"""

import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intacct_bridge.errors import SettingsError

FILE_NAME = "intacct.toml"
_TABLES = ("connections", "senders")
_HEADER = re.compile(r"^[ \t]*\[(?P<name>[^\[\]].*)\][ \t]*(#.*)?$")
_ANY_HEADER = re.compile(r"^[ \t]*\[.*\][ \t]*(#.*)?$")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""TOML's idea of a line; Python's own would also end one at U+0085 and its like."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """What one intacct.toml says."""

    path: Path
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    senders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read(path: Path) -> TomlFile | None:
    """The file's tables, or None where there is no file."""
    text = _text(path)
    if text is None:
        return None
    data = _parsed(text, path)
    unknown = sorted(set(data) - set(_TABLES))
    if unknown:
        raise SettingsError(
            f"{path}: there is no setting {unknown[0]!r} at the top of the file",
            fix="The file holds tables [connections.NAME] and [senders.NAME] only.",
        )
    for group in _TABLES:
        tables = data.get(group, {})
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise SettingsError(f"{path}: [{group}] holds settings directly; name the table: [{group}.NAME]")
    return TomlFile(path, data.get("connections", {}), data.get("senders", {}))


def put(path: Path, group: str, name: str, table: Mapping[str, Any]) -> None:
    """Write `[group.name]`, in place of the table of that name if there is one."""
    text = _text(path) or ""
    lines = _LINE.findall(text)
    new = [f"[{group}.{_key(name)}]\n", *(f"{_key(key)} = {_value(value)}\n" for key, value in table.items())]
    wanted = _parsed(text, path)
    spans = _spans(lines, group, name) if name in wanted.get(group, {}) else []
    if spans:
        start = spans[0][0]
        kept = _without(lines, spans)
        edited = [*kept[:start], *new, *(["\n"] if kept[start:] else []), *kept[start:]]
    else:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        edited = [*lines, *(["\n"] if lines and lines[-1].strip() else []), *new]
    wanted.setdefault(group, {})[name] = dict(table)
    _write(path, "".join(edited), wanted, f"[{group}.{name}]")


def remove(path: Path, group: str, name: str) -> bool:
    """Take `[group.name]` out; False where it is not there."""
    text = _text(path)
    if text is None or name not in _parsed(text, path).get(group, {}):
        return False
    lines = _LINE.findall(text)
    wanted = _parsed(text, path)
    del wanted[group][name]
    _write(path, "".join(_without(lines, _spans(lines, group, name))), wanted, f"[{group}.{name}]")
    return True


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not readable as UTF-8 text"
        raise SettingsError(f"{path}: {reason}") from None


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None


def _spans(lines: list[str], group: str, name: str) -> list[tuple[int, int]]:
    """Where the table and its sub-tables stand; trailing blank lines and comments belong to what follows."""
    spans = []
    start = None
    for number, line in enumerate([*lines, "[end]"]):
        if not _ANY_HEADER.match(line.rstrip("\r\n")):
            continue
        if start is not None:
            end = number
            while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
                end -= 1
            spans.append((start, end))
        start = number if _names(line, group, name) else None
    return spans


def _names(line: str, group: str, name: str) -> bool:
    header = _HEADER.match(line.rstrip("\r\n"))
    if header is None:
        return False
    try:
        data: Any = tomllib.loads(f"[{header['name']}]")
    except tomllib.TOMLDecodeError:
        return False
    return list(data) == [group] and isinstance(data[group], dict) and list(data[group]) == [name]


def _without(lines: list[str], spans: list[tuple[int, int]]) -> list[str]:
    gone = {number for start, end in spans for number in range(start, end)}
    return [line for number, line in enumerate(lines) if number not in gone]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
    return _string(str(value))


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _string(text: str) -> str:
    out = [
        _ESCAPES.get(char) or (f"\\u{ord(char):04X}" if ord(char) < 0x20 or ord(char) == 0x7F else char)
        for char in text
    ]
    return f'"{"".join(out)}"'


def _tables(data: dict[str, Any]) -> dict[str, Any]:
    """The data without groups that hold nothing, which may or may not have a header of their own."""
    return {group: tables for group, tables in data.items() if tables}


def _write(path: Path, text: str, wanted: dict[str, Any], what: str) -> None:
    try:
        proved = _tables(tomllib.loads(text)) == _tables(wanted)
    except tomllib.TOMLDecodeError:
        proved = False
    if not proved:
        raise SettingsError(f"{path}: {what} is written in a way that cannot be edited safely", fix="Edit it by hand.")
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(prefix=".intacct-", dir=target.parent)  # made with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
                out.write(text)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None
