"""intacct.toml: read as data, and edited one table at a time so that the rest of the file stays as it is.

A connection is a table `[connections.NAME]`, a shared sender `[senders.NAME]`, a flow `[flows.NAME]`, and a receiver of
notifications `[notify.NAME]`; `[reporting]` names account groups. An edit is checked before it is written:
the edited file must hold the earlier data with that one change, or nothing is written. The new file replaces the old
one in one step and is readable by its owner only.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.machine.replaced_file import replaced
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.nesting import refusing_depth

if TYPE_CHECKING:
    from tomlkit.items import Item, Key, Table

    Body = list[tuple[Key | None, Item]]

FILE_NAME = "intacct.toml"
_HEADER = re.compile(r"^\s*\[([^\[\]]+)\]")
_TABLES = ("connections", "senders", "flows", "notify")
_REPORTING = "reporting"


@dataclass(frozen=True, slots=True)
class TomlFile:
    """The tables of one intacct.toml. They may hold passwords, so that they are in no repr."""

    path: Path
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    senders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    flows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    notify: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    reporting: Mapping[str, Any] = field(default_factory=dict)
    """The settings of statements: `[reporting]`."""


def read(path: Path) -> TomlFile | None:
    """The file's tables, or None if there is no file."""
    text = _text(path)
    if text is None:
        return None
    data = _parsed(text, path)
    unknown = sorted(set(data) - {*_TABLES, _REPORTING})
    if unknown:
        raise SettingsError(
            f"{path}: there is no setting {unknown[0]!r} at the top of the file",
            fix="The file holds [connections.NAME], [senders.NAME], [flows.NAME], [notify.NAME] and [reporting] only.",
        )
    for group in _TABLES:
        tables = data.get(group, {})
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise SettingsError(f"{path}: [{group}] holds settings directly; name the table: [{group}.NAME]")
    if not isinstance(data.get(_REPORTING, {}), dict):
        raise SettingsError(f"{path}: reporting is not a table", fix=f"Write a table [{_REPORTING}].")
    return TomlFile(path, **{group: data.get(group, {}) for group in (*_TABLES, _REPORTING)})


def line_of(path: Path, table: str, key: str = "") -> int:
    """The line of a table's header, such as `flows.nightly`, or of a key under it; 0 if it is not found."""
    inside, at_header = False, 0
    for number, line in enumerate((_text(path) or "").splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            parts = (part.strip().strip("\"'") for part in header[1].split("."))
            inside = ".".join(parts) == table
            at_header = at_header or (number if inside else 0)
        elif inside and key and line.split("=")[0].split(".")[0].strip().strip("\"'") == key:
            return number
    return 0 if key else at_header


def place_of(path: Path, tables: Sequence[str], key: str = "") -> str:
    """The place of a key for messages, in the first of these tables that has it: `intacct.toml, line 12`."""
    lines = (line_of(path, table, wanted) for wanted in dict.fromkeys((key, "")) for table in tables)
    number = next((line for line in lines if line), 0)
    return f"{path}, line {number}" if number else str(path)


def put(path: Path, group: str, name: str, table: Mapping[str, Any]) -> None:
    """Write `[group.name]`: in place of the table of that name, else at the end of the file."""
    import tomlkit

    with _edited_alone(path):
        text = _text(path) or ""
        expected = _parsed(text, path)
        if name in expected.get(group, {}):
            edited = _edited(text, group, name, _new_table(table))
        else:
            before = text if not text or text.endswith("\n") else f"{text}\n"
            gap = "\n" if before and before.splitlines()[-1].strip() else ""
            outer = tomlkit.table(is_super_table=True)
            outer.append(name, _new_table(table))
            edited = before + gap + tomlkit.dumps({group: outer})
        expected.setdefault(group, {})[name] = dict(table)
        _write(path, edited, expected, f"[{group}.{name}]")


def remove(path: Path, group: str, name: str) -> bool:
    """Take `[group.name]` out of the file; False if it is not in it."""
    with _edited_alone(path):
        text = _text(path)
        expected = _parsed(text or "", path)
        if text is None or name not in expected.get(group, {}):
            return False
        del expected[group][name]
        _write(path, _edited(text, group, name, None), expected, f"[{group}.{name}]")
        return True


@contextmanager
def _edited_alone(path: Path) -> Iterator[None]:
    """Keep other processes from editing the file, which one would write without the other's change.

    The lock is in the user's state directory, since the file may be in a project's folder.
    """
    from hashlib import sha256

    from intacct_bridge.machine.directories import state_directory
    from intacct_bridge.machine.locks import locked

    name = sha256(str(path.resolve()).encode()).hexdigest()[:32]
    with ExitStack() as stack:
        with suppress(OSError):  # Some network drives have no locks. The file is edited there too.
            stack.enter_context(locked(state_directory() / "edits" / f"{name}.lock"))
        yield


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
        with refusing_depth(str(path), text):
            return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None


def _new_table(values: Mapping[str, Any]) -> "Table":
    import tomlkit

    table = tomlkit.table()
    for key, value in values.items():
        if isinstance(value, Mapping):
            reference = tomlkit.inline_table()
            reference.update(value)
            table.append(key, reference)
        else:
            table.append(key, value)
    return table


def _edited(text: str, group: str, name: str, new: "Table | None") -> str:
    """The file with every part of a table removed, and the new table in the place of the first part.

    Blank lines and comments at the end of a table belong to what follows, and stay. Only tables under headers of their
    own are edited: inline tables and dotted keys are left as they are.
    """
    import tomlkit
    from tomlkit.items import Table

    document = tomlkit.parse(text)
    top: Body = []
    before = top
    """Where a removed table's last comments go: tomlkit writes a group's own header where the group holds a comment."""
    for key, outer in document.body:
        if key is not None and key.key == group and isinstance(outer, Table):
            body: Body = []
            for inner, item in outer.value.body:
                if inner is None or inner.key != name or not isinstance(item, Table) or inner.is_dotted():
                    body.append((inner, item))
                    before = _last_body(item) if isinstance(item, Table) else body
                    continue
                if new is not None:
                    body.append((inner, new))
                    before, new = new.value.body, None
                before += _tail(_last_body(item))
            outer.value.body[:] = body
        else:
            before = top
        top.append((key, outer))
    document.body[:] = top
    return tomlkit.dumps(document)


def _last_body(table: "Table") -> "Body":
    """The lines under a table's last header."""
    from tomlkit.items import Table

    body = table.value.body
    last = body[-1][1] if body else None
    return _last_body(last) if isinstance(last, Table) else body


def _tail(body: "Body") -> "Body":
    """The blank lines and comments at the end."""
    from tomlkit.items import Comment, Whitespace

    start = len(body)
    while start and isinstance(body[start - 1][1], Comment | Whitespace):
        start -= 1
    return body[start:]


def _tables(data: dict[str, Any]) -> dict[str, Any]:
    """The data without empty groups, which may or may not have a header of their own."""
    return {group: tables for group, tables in data.items() if tables}


def _write(path: Path, text: str, expected: dict[str, Any], what: str) -> None:
    try:
        proven = _tables(tomllib.loads(text)) == _tables(expected)
    except tomllib.TOMLDecodeError:
        proven = False
    if not proven:
        raise SettingsError(f"{path}: {what} is written in a way that cannot be edited safely", fix="Edit it by hand.")
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replaced(target) as fresh:
            fresh.touch(mode=0o600)
            fresh.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None
