"""Records as the generic `create`, `update` and `delete` take them.

A generic function takes one record under its object's name: its fields in any order, its owned lines in their wrapper.
A dotted name nests, a mapping likewise, a list of rows under a wrapper's name becomes owned lines. None clears a field,
UNSET leaves it alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from intacct_protocol.errors import RecordError
from intacct_protocol.model.keys import lines
from intacct_protocol.model.writing.line_parts import unnumbered
from intacct_protocol.xml.values import UNSET, Kind, render_value
from intacct_protocol.xml.xml import Element, element

Cells = Mapping[str, Any]
Render = Callable[[str, str, Any], str]
"""The text of a value, given the object, the field's dotted name and the value; RecordError if it has none."""


class OwnedLine(Protocol):
    """A line under a record's header."""

    @property
    def object(self) -> str:
        """The line's object, which names its element."""

    @property
    def fields(self) -> Cells:
        """The line's cells by Intacct's names."""


def as_text(_object: str, _field: str, value: Any) -> str:
    """The Render of values that are typed already."""
    return value if type(value) is str else render_value(Kind.TEXT, value)


def generic_function(
    operation: str, name: str, cells: Cells, owned: Mapping[str, Sequence[OwnedLine]], *, render: Render = as_text
) -> Element:
    """`create` or `update` with one record. `owned` holds lines by wrapper, in addition to those among the cells.

    RecordError names the field whose value or whose lines cannot be written.
    """
    writer = _Writer(render)
    wrapped = (
        Element(wrapper, children=tuple(writer.record(one.object, one.fields, one.object) for one in members))
        for wrapper, members in owned.items()
    )
    return element(operation, Element(name, children=(*writer.cells(name, cells, name), *wrapped)))


def generic_delete(name: str, key: str) -> Element:
    """`delete` of the record with this RECORDNO."""
    return element("delete", element("object", name), element("keys", key))


def is_rows(value: object) -> bool:
    """Whether a cell holds owned lines."""
    return isinstance(value, list | tuple)


class _Writer:
    """Writes cells; `place` is how an error names the record or line."""

    def __init__(self, render: Render) -> None:
        self._render = render

    def record(self, name: str, cells: Cells, place: str) -> Element:
        return Element(name, children=self.cells(name, cells, place))

    def cells(self, name: str, cells: Cells, place: str, path: str = "") -> tuple[Element, ...]:
        """The cells of an object as elements, nested ones last; `path` is the dotted name that leads to them."""
        plain: list[Element] = []
        nested: dict[str, dict[str, Any]] = {}
        for key, value in cells.items():
            head, dot, rest = key.partition(".")
            if value is UNSET:
                continue
            if dot:
                nested.setdefault(head, {})[rest] = value
            elif isinstance(value, Mapping):
                nested.setdefault(key, {}).update(value)
            elif is_rows(value):
                plain.append(Element(key, children=tuple(self._lines(name, key, value))))
            else:
                plain.append(element(key, self._text(name, f"{path}{key}", value, place)))
        inner = ((key, self.cells(name, part, place, f"{path}{key}.")) for key, part in nested.items())
        return (*plain, *(Element(unnumbered(key), children=children) for key, children in inner))

    def _lines(self, name: str, wrapper: str, rows: Iterable[Any]) -> Iterator[Element]:
        owned = {one.wrapper: one.line for one in lines(name)}
        if wrapper not in owned:
            wrappers = ", ".join(each for each in owned if each) or "none"
            raise RecordError(
                f"{name} has no owned lines called {wrapper}", field=wrapper, fix=f"Its lines are: {wrappers}."
            )
        for number, row in enumerate(rows, 1):
            if not isinstance(row, Mapping):
                raise RecordError(f"{name}.{wrapper}: line {number} is not a row of fields", field=wrapper)
            yield self.record(owned[wrapper], row, f"{name}.{wrapper} line {number}")

    def _text(self, name: str, field: str, value: Any, place: str) -> str:
        try:
            return self._render(name, field, value)
        except RecordError as error:
            raise RecordError(f"{place}.{field}: {error.message}", field=field, fix=error.fix) from None
