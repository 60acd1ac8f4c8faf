"""The recorded facts in `facts/`, as values. `facts/README.md` gives the notation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FACTS = Path(__file__).parent.parent / "facts"
_COMMENT, _AGAIN, _RELATION, _TABLE = "#", "+ ", "> ", "  "
_PARAMETER = re.compile(r"([A-Za-z][\w.]*\*?)(!?)(?::(\[[^\]]*\]|\w+))?")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object."""

    name: str
    code: str
    """The letter of its type, then `r` for required and `o` for read-only."""
    label: str = ""
    values: tuple[str, ...] = ()


@dataclass(slots=True)
class RecordedObject:
    """An object: its fields, and its relations as words `path object field [type]`."""

    fields: list[Field] = field(default_factory=list)
    relations: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation."""

    name: str
    required: bool
    kind: str = ""
    """Empty for a text."""
    holds: tuple[str, ...] = ()
    """The elements that it holds, each of them with a table of its own."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A documented operation."""

    area: str
    title: str
    function: str
    object: str
    tables: dict[str, list[Parameter]]
    """Table to parameters; the function's own are under the empty name."""


def objects(file: str) -> dict[str, RecordedObject]:
    """The objects of a file, by name."""
    shared: dict[str, Field] = {}
    found: dict[str, RecordedObject] = {}
    here: RecordedObject | None = None
    for line in _lines(file):
        if line.startswith("["):
            here = found.setdefault(line.strip("[]"), RecordedObject())
        elif here is None:
            one = _field(line)
            shared[one.name] = one
        elif line.startswith(_AGAIN):
            here.fields += [shared[name] for name in line.split()[1:]]
        elif line.startswith(_RELATION):
            here.relations.append(line.split()[1:])
        else:
            here.fields.append(_field(line))
    return found


def _field(line: str) -> Field:
    name, code, *rest = line.split(" ", 2)
    label, *values = (part.strip() for part in "".join(rest).split("|"))
    return Field(name, code, label, tuple("" if value == '""' else value for value in values))


def operations() -> list[Operation]:
    """The documented operations, in the order of the documentation."""
    found: list[Operation] = []
    area = ""
    for line in _unwrapped("operations.txt"):
        if line.startswith("["):
            area = line.strip("[]")
        elif line.startswith(_TABLE):
            table, rows = _table(line)
            found[-1].tables.setdefault(table, []).extend(rows)
        else:
            called, _, title = line.partition(" | ")
            function, name = called.split()
            found.append(Operation(area, title, function, "" if name == "-" else name, {}))
    return found


def _table(line: str) -> tuple[str, list[Parameter]]:
    words = line.split()
    table = words.pop(0).rstrip(":") if words[0].endswith(":") else ""
    return table, [_parameter(word) for word in words]


def _parameter(word: str) -> Parameter:
    match = _PARAMETER.fullmatch(word)
    if match is None:
        raise ValueError(f"operations.txt: {word!r} is not a parameter")
    name, required, kind = match.groups(default="")
    if kind.startswith("["):
        return Parameter(name, bool(required), "array", tuple(kind.strip("[]").split("|")))
    return Parameter(name, bool(required), kind)


def _unwrapped(file: str) -> Iterator[str]:
    """The lines of a file; a line that begins with two more spaces than a table goes on with the line before."""
    whole = ""
    for line in _lines(file):
        if line.startswith(_TABLE * 2):
            whole += line[len(_TABLE) + 1 :]
            continue
        if whole:
            yield whole
        whole = line
    yield whole


def _lines(file: str) -> Iterator[str]:
    for line in (FACTS / file).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(_COMMENT):
            yield line
