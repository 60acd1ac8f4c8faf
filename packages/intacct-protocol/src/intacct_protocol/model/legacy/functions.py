"""A record by its Intacct names ⇄ the call of the object-specific function that writes it.

Some objects cannot be created by `create` (AR invoices, adjustments, order documents, deposits, attachments), and a 2.1
connection knows no other way. These functions have lower-case elements in a strict order, dates in three elements,
custom fields in a block of their own, and lines under other names. This module applies the tables `legacy_writes.json`,
`legacy_parts.json` and `legacy_functions.json`. Fields of an object without a row there go by their lower-case names
if the function has them. A field without a place in the function is refused by name, never dropped. An update cannot
replace a set of lines: it changes lines by their number, so it must be given all of them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.legacy.content_model import UnexpectedElement, compile_model
from intacct_protocol.model.legacy.grammar import FunctionDef, function_def
from intacct_protocol.xml.values import UNSET, Kind, Unset, Value, parse_value, render_value
from intacct_protocol.xml.xml import Element, element

Cells = Mapping[str, Value | Unset]
_CLEARS = "set_nulls"
"""Without this attribute, an update ignores empty elements."""


@dataclass(frozen=True, slots=True)
class LinePlan:
    """How the lines under one wrapper are written."""

    wrapper: str
    """Empty if the lines are direct children of the function's element."""
    element: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WritePlan:
    """How an object is written by its own functions."""

    object: str
    functions: Mapping[str, str]
    """The function's name by operation: create, update, delete."""
    fields: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, LinePlan] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The function's values for Intacct's, by element: a journal line's `1` is `debit`."""
    always: tuple[str, ...] = ()
    """Elements that the function for a new record requires even if they are empty."""


def write_plan(object_name: str, legacy_name: str = "") -> WritePlan | None:
    """The plan for an object, or None; `legacy_name` gives the functions of an object without a row in the table."""
    row = _table("legacy_writes.json").get(object_name)
    if row is None:
        names = {operation: f"{operation}_{legacy_name}" for operation in ("create", "update", "delete")}
        available = {operation: name for operation, name in names.items() if legacy_name and function_def(name)}
        return WritePlan(object_name, available) if available else None
    lines = {
        name: LinePlan(one["wrapper"], one["element"], one["fields"]) for name, one in row.get("lines", {}).items()
    }
    functions = {operation: row[operation] for operation in ("create", "update", "delete") if operation in row}
    return WritePlan(object_name, functions, row["fields"], lines, row.get("values", {}), tuple(row.get("always", ())))


def write_element(
    plan: WritePlan,
    operation: str,
    fields: Cells,
    *,
    lines: Mapping[str, Sequence[Cells]] | None = None,
    custom: Iterable[str] = (),
    attributes: Mapping[str, str] | None = None,
) -> Element:
    """The function's element. `custom` names the custom fields among the cells; UNSET cells are left out, None clears.

    Raises InvalidRequestError for a field without a place in the function, and if the schema's order cannot be met;
    it names the missing element.
    """
    function = _function_of(plan, operation)
    writer = _Writer(plan, function, frozenset(custom))
    children = writer.cells(fields, plan.fields, function.model.names)
    for wrapper, rows in (lines or {}).items():
        children += writer.lines(wrapper, rows) if operation == "create" else writer.changed_lines(wrapper, rows)
    if operation == "create":
        there = {child.tag for child in children}
        children += (_empty(path) for path in plan.always if path.split("/")[0] not in there)
    done = _in_model_order(function.name, children, function.text, function.name)
    attribute_values = dict(attributes or {})
    if operation == "update" and None in fields.values() and any(a.name == _CLEARS for a in function.attributes):
        attribute_values[_CLEARS] = "true"
    return Element(function.name, children=done, attributes=attribute_values)


def _function_of(plan: WritePlan, operation: str) -> FunctionDef:
    function = function_def(plan.functions.get(operation, ""))
    if function is None:
        raise InvalidRequestError(f"{plan.object} has no object-specific function to {operation} it")
    return function


class _Writer:
    def __init__(self, plan: WritePlan, function: FunctionDef, custom: frozenset[str]) -> None:
        self._plan = plan
        self._function = function
        self._custom = custom

    def cells(self, cells: Cells, places: Mapping[str, str], names: Iterable[str]) -> list[Element]:
        """The elements of a row's cells in any order, with nested ones and custom fields gathered."""
        allowed = frozenset(names)
        parts: dict[str, Any] = {}
        custom: list[Element] = []
        for name, value in cells.items():
            if isinstance(value, Unset):
                continue
            path = places.get(name) or (name.lower() if name.lower() in allowed else "")
            if path and path.split("/")[0] in allowed:
                self._place(parts, path.split("/"), value)
            elif name in self._custom and "customfields" in allowed:
                custom.append(_custom_field(name, value))
            else:
                raise InvalidRequestError(
                    f"{self._plan.object}.{name} has no place in {self._function.name}",
                    fix=f"leave it out; {self._function.name} takes: {', '.join(sorted(allowed))}",
                )
        if custom:
            parts["customfields"] = Element("customfields", children=tuple(custom))
        return [self._grown(tag, part) for tag, part in parts.items()]

    def _place(self, parts: dict[str, Any], path: Sequence[str], value: Value) -> None:
        """Put a value at its path; parts of one element gather under it."""
        *outer, last = path
        for step in outer:
            parts = parts.setdefault(step, {})
        parts.setdefault(last, self._cell(last, value))

    def _grown(self, tag: str, part: Any) -> Element:
        if isinstance(part, Element):
            return part
        children = [self._grown(name, inner) for name, inner in part.items()]
        model = part_models().get(tag)
        return Element(
            tag, children=_in_model_order(self._function.name, children, model, tag) if model else tuple(children)
        )

    def _cell(self, name: str, value: Value) -> Element:
        if name in day_elements() and isinstance(value, str) and value:  # of JSON, which has no days
            value = parse_value(Kind.DATE, value)
        if name in day_elements() and isinstance(value, date):
            day = value.date() if isinstance(value, datetime) else value
            return _date_element(name, day)
        text = render_value(Kind.TEXT, value)
        return element(name, self._plan.values.get(name, {}).get(text, text))

    def lines(self, wrapper: str, rows: Sequence[Cells]) -> list[Element]:
        """The lines under their wrapper, or bare if the function takes them so."""
        plan = self._plan.lines.get(wrapper)
        if plan is None:
            if not self._plan.lines:
                raise InvalidRequestError(
                    f"how {self._function.name} takes the lines {wrapper} is not documented",
                    fix="use a connection with dtd_version 3.0, whose create is documented with its lines",
                )
            raise InvalidRequestError(
                f"{self._function.name} has no lines called {wrapper}",
                fix=f"its lines are: {', '.join(self._plan.lines)}",
            )
        done = [self._line(plan, row, number) for number, row in enumerate(rows, start=1)]
        return [Element(plan.wrapper, children=tuple(done))] if plan.wrapper else done

    def changed_lines(self, wrapper: str, rows: Sequence[Cells]) -> list[Element]:
        """The lines of an update, each by its number."""
        plan = self._plan.lines.get(wrapper)
        if plan is None or f"update{plan.wrapper}" not in self._function.model.names:
            raise InvalidRequestError(
                f"{self._function.name} does not change lines",
                fix="leave the lines out, or delete the record and create it again",
            )
        model = compile_model(self._model(plan))
        done = []
        for number, row in enumerate(rows, start=1):
            children = {child.tag: child for child in self.cells(row, plan.fields, model.names)}
            ordered = tuple(children[tag] for tag in model.arrange(children))
            done.append(Element(f"update{plan.element}", children=ordered, attributes={"line_num": str(number)}))
        return [Element(f"update{plan.wrapper}", children=tuple(done))]

    def _model(self, plan: LinePlan) -> str:
        return part_models().get(f"{plan.wrapper}/{plan.element}") or part_models()[plan.element]

    def _line(self, plan: LinePlan, row: Cells, number: int) -> Element:
        if set(plan.fields.values()) == {"."}:
            return element(
                plan.element, render_value(Kind.TEXT, next((v for v in row.values() if v is not UNSET), None))
            )
        model = self._model(plan)
        children = self.cells(row, plan.fields, compile_model(model).names)
        return Element(plan.element, children=_in_model_order(self._function.name, children, model, f"line {number}"))


def read_call(plan: WritePlan, call: Element) -> tuple[dict[str, str], dict[str, list[dict[str, str]]]]:
    """The record in a call, by Intacct's names: its cells as strings, and its lines by their wrapper."""
    wrappers = {name: wrapper for wrapper, line in plan.lines.items() for name in _wrapped(line)}
    cells: dict[str, str] = {}
    owned: dict[str, list[dict[str, str]]] = {}
    for child in call:
        wrapper = wrappers.get(child.tag)
        if wrapper is None:
            cells |= _cells_of(child, plan.fields)
            continue
        line = plan.lines[wrapper]
        rows = child.children if line.wrapper else (child,)
        for row in rows:
            parts = [_cells_of(cell, line.fields) for cell in row] or [{next(iter(line.fields)): row.text}]
            owned.setdefault(wrapper, []).append({name: text for part in parts for name, text in part.items()})
    return cells, owned


def _wrapped(line: LinePlan) -> tuple[str, ...]:
    return (line.wrapper, f"update{line.wrapper}") if line.wrapper else (line.element,)


def _cells_of(node: Element, places: Mapping[str, str], path: str = "") -> dict[str, str]:
    path = f"{path}/{node.tag}" if path else node.tag
    if path == "customfields":
        return {one.findtext("customfieldname"): one.findtext("customfieldvalue") for one in node}
    if {child.tag for child in node} == {"year", "month", "day"}:
        text = f"{node.findtext('month')}/{node.findtext('day')}/{node.findtext('year')}"
    elif node.children:
        return {name: text for child in node for name, text in _cells_of(child, places, path).items()}
    else:
        text = node.text
    named = next((name for name, place in places.items() if place == path), path.replace("/", ".").upper())
    return {named: text}


def _in_model_order(function: str, children: Sequence[Element], model: str, place: str) -> tuple[Element, ...]:
    compiled = compile_model(model)
    rank = {name: index for index, name in enumerate(compiled.arrange(dict.fromkeys(c.tag for c in children)))}
    done = sorted(children, key=lambda child: rank[child.tag])
    unexpected = compiled.check([child.tag for child in done])
    if unexpected is not None:
        raise InvalidRequestError(f"{function} cannot be built: {_why(unexpected, place)}", fix=_fix(unexpected))
    return tuple(done)


def _why(unexpected: UnexpectedElement, place: str) -> str:
    where = "" if place.startswith(("create", "update", "record")) else f"{place}: "
    if unexpected.name:
        return f"{where}{unexpected.name} is not allowed after the elements before it"
    return f"{where}an element is missing at the end"


def _fix(unexpected: UnexpectedElement) -> str:
    return f"give one of: {', '.join(unexpected.expected)}" if unexpected.expected else "leave it out"


def _empty(path: str) -> Element:
    top, _, rest = path.partition("/")
    return element(top, element(rest, "")) if rest else element(top, "")


def _custom_field(name: str, value: Value) -> Element:
    return element(
        "customfield", element("customfieldname", name), element("customfieldvalue", render_value(Kind.TEXT, value))
    )


def _date_element(name: str, day: date) -> Element:
    return element(
        name, element("year", str(day.year)), element("month", f"{day.month:02}"), element("day", f"{day.day:02}")
    )


@lru_cache(maxsize=4)
def _table(name: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("intacct_protocol.data").joinpath(name).read_text("utf-8"))
    return table


def part_models() -> Mapping[str, str]:
    """The order inside the parts of functions, by element, or by `wrapper/element` if that decides."""
    models: Mapping[str, str] = _table("legacy_parts.json")["models"]
    return models


@lru_cache(maxsize=1)
def day_elements() -> frozenset[str]:
    """The elements that hold a day as year, month and day."""
    return frozenset(_table("legacy_parts.json")["dates"])


def kind_of_element(name: str) -> Kind:
    """The kind of an element, by its name."""
    parts = _table("legacy_parts.json")
    if name in parts["dates"]:
        return Kind.DATE
    return Kind.DECIMAL if name in parts["numbers"] else Kind.BOOLEAN if name in parts["booleans"] else Kind.TEXT


def line_elements(line: LinePlan) -> tuple[str, ...]:
    """The plain elements of a line."""
    model = part_models().get(f"{line.wrapper}/{line.element}") or part_models().get(line.element, "")
    groups = {*part_models(), "customfields"}
    return tuple(name for name in compile_model(model).names if name not in groups) if model else ()
