"""The definitions of views: one SQL file each, whose header states grain, columns, units and rule.

A file is written once for all databases. Its header is a comment:

    -- NAME: what it shows
    -- Grain: ...            the columns that identify a row
    -- Units: ...
    -- Rule: ...
    -- Made for: ap party=vendor, ar party=customer      (one definition for each: `{side}_NAME` is ap_NAME and ar_NAME)
    -- Parameters: as_of date, basis text = 'gl'         (a function instead of a view)
    -- Reads: OBJECT (FIELD kind, FIELD kind!)           (a table of the copy; ! marks a field it cannot do without)
    -- Reads if present: OBJECT (FIELD kind)
    -- Columns:
    --   name: meaning                                   (of a function: `name type: meaning`)

In a file that is made for two sides, `{party}` is the word of the side and `{PARTY}` the same in capitals. The lines
from `-- Only ar:` to `-- End` are left out for the other side.

In the SQL below the header, `raw.object` is a table of the copy with lower-case columns and without deleted rows,
`reporting.name` another view, `bridge.settings` what the copy keeps about the company, and `{...}` a part that the
renderer fills in.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files

_USES = re.compile(r"\breporting\.([a-z_]+)\b")
_FIELD = re.compile(r"([A-Z][A-Z0-9_.]*) ([a-z]+)(!?)")
_PARAMETER = re.compile(r"([a-z_]+) ([a-z]+(?:\[\])?)(?: = (\{[^}]*\}|'[^']*'|[^,{']+))?(?:, |$)")
_COLUMN = re.compile(r"([a-z_0-9]+)(?: ([a-z_]+))?: (.*)")
_MADE_FOR = re.compile(r"(\w+) ((?:\w+=\w+ ?)+)")
_ONLY = re.compile(r"^ *-- Only (\w+):\n(.*?)^ *-- End\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class ReadField:
    """A field of a table that a view reads."""

    name: str
    kind: str
    """text, date, time, number, int or flag."""
    required: bool = False

    @property
    def column(self) -> str:
        """Its name in the SQL of views."""
        return column_name(self.name)


@dataclass(frozen=True, slots=True)
class ReadTable:
    """A table of the copy that a view reads."""

    object: str
    fields: tuple[ReadField, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column of a view, or of a function's result."""

    name: str
    meaning: str
    type: str = ""
    """Of a function's result only."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function."""

    name: str
    type: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class ViewDefinition:
    """One view, or one function that answers for a day or a currency."""

    name: str
    shows: str
    grain: str
    units: str
    rule: str
    columns: tuple[ViewColumn, ...]
    body: str
    tables: tuple[ReadTable, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    text: str = field(default="", repr=False)
    """The whole file."""

    @property
    def is_function(self) -> bool:
        """Whether it takes parameters."""
        return bool(self.parameters)

    @property
    def kind(self) -> str:
        """`view` or `function`."""
        return "function" if self.is_function else "view"

    @property
    def uses(self) -> tuple[str, ...]:
        """The views that it reads."""
        return tuple(dict.fromkeys(_USES.findall(self.body)))

    @property
    def comment(self) -> str:
        """The text that databases show beside it."""
        lines = [f"{self.shows} Grain: {self.grain} Units: {self.units} Rule: {self.rule}"]
        if self.is_function:
            lines += [f"{one.name}: {one.meaning}." for one in self.columns]
        return "\n".join(lines)


def column_name(field_name: str) -> str:
    """A field's name as a column of a view: lower case, without dots."""
    return field_name.lower().replace(".", "_").replace("#", "_")


@cache
def view_definitions() -> Mapping[str, ViewDefinition]:
    """All definitions by name; each after those that it uses."""
    folder = files("intacct_bridge.copies.views").joinpath("sql")
    texts = (one.read_text(encoding="utf-8") for one in folder.iterdir() if one.name.endswith(".sql"))
    by_name = {one.name: one for text in texts for one in parse_definitions(text)}
    order = TopologicalSorter({name: sorted(by_name[name].uses) for name in sorted(by_name)})
    return {name: by_name[name] for name in order.static_order()}


def parse_definitions(text: str) -> Iterator[ViewDefinition]:
    """The definitions in a file: one, or one for each of `Made for`."""
    made_for = re.search(r"^-- Made for: (.*)$", text, re.MULTILINE)
    if made_for is None:
        yield _parsed(text)
        return
    for side, words in _MADE_FOR.findall(made_for[1]):
        yield _parsed(_for_side(text.replace(made_for[0] + "\n", ""), f"side={side} {words}".split(), side))


def _for_side(text: str, words: Sequence[str], side: str) -> str:
    """A file with the words of one side, without the lines of the others."""
    text = _ONLY.sub(lambda match: match[2] if match[1] == side else "", text)
    for word in words:
        name, _, value = word.partition("=")
        text = text.replace(f"{{{name}}}", value).replace(f"{{{name.upper()}}}", value.upper())
    return text


def _parsed(text: str) -> ViewDefinition:
    lines = text.splitlines()
    head = [line[2:] for line in lines if line.startswith("--")]
    body = "\n".join(lines[len(head) :]).strip()
    start = next(place for place, line in enumerate(head) if line.startswith(" Grain:"))
    name, _, shows = " ".join(line.strip() for line in head[:start]).partition(": ")
    sections = list(_sections(head[start:]))
    texts = {title: " ".join(rest) for title, rest in sections if not title.startswith("Reads")}
    columns = next((rest for title, rest in sections if title == "Columns"), [])
    return ViewDefinition(
        name,
        shows,
        texts.get("Grain", ""),
        texts.get("Units", ""),
        texts.get("Rule", ""),
        tuple(_columns(columns)),
        body,
        tuple(_table(" ".join(rest), required=title == "Reads") for title, rest in sections if "Reads" in title),
        tuple(Parameter(*one) for one in _PARAMETER.findall(texts.get("Parameters", ""))),
        text,
    )


def _sections(head: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The titled parts of a header, each with its lines."""
    title, rest = "", list[str]()
    for line in head:
        starts = re.match(r" ([A-Z][A-Za-z ]+):(?: (.*)|$)", line)
        if starts is None:
            rest.append(line.strip())
            continue
        if title:
            yield title, rest
        title, rest = starts[1], [starts[2]] if starts[2] else []
    if title:
        yield title, rest


def _columns(lines: Sequence[str]) -> list[ViewColumn]:
    columns: list[ViewColumn] = []
    for line in lines:
        starts = _COLUMN.match(line)
        if starts is None:  # the rest of a long meaning
            columns[-1] = replace(columns[-1], meaning=f"{columns[-1].meaning} {line}")
        else:
            columns.append(ViewColumn(starts[1], starts[3], starts[2] or ""))
    return columns


def _table(text: str, *, required: bool) -> ReadTable:
    name, _, listed = text.partition(" (")
    fields = tuple(ReadField(one, kind, bool(must)) for one, kind, must in _FIELD.findall(listed))
    return ReadTable(name, fields, required)
