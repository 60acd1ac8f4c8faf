"""The check of a query against the catalogue before it is sent: names, relations, literals.

The result is a query in the gateway's own spelling with every literal of its field's type, or an InvalidRequestError
that names the object, the field and the nearest known name. Dotted names are resolved as the gateway does it: first as
a field whose own name has the dots, then as a relation's path and a name in the object that it leads to. Different
relations chain; an object's relation to itself goes one hop only.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal

from intacct_protocol.errors import InvalidRequestError, RecordError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.catalog import FieldDef, Finder, ObjectDef
from intacct_protocol.model.query.query import (
    MAX_IN,
    Aggregate,
    Compare,
    Filter,
    KindOf,
    Op,
    Order,
    Query,
    Selected,
    all_of,
    any_of,
    rebuilt,
)
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.values import Kind, Value, check_fits, parse_value, render_value

NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT})
MULTI_PICK = "#~#"
"""The separator of the values of a multi-pick list."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A field found from an object, directly or through relations."""

    name: str
    """Spelled as the gateway spells it, relations included."""
    definition: FieldDef
    owner: str
    """The object that the field belongs to."""


def resolve(name: str, described: ObjectDef, catalog: Finder) -> Resolved:
    """Find a plain or dotted field; the InvalidRequestError names the part that is wrong."""
    return _resolve(name, described, catalog, came_by_self=False)


def _resolve(name: str, described: ObjectDef, catalog: Finder, *, came_by_self: bool) -> Resolved:
    definition = described.get(name)
    if definition is not None:
        return Resolved(definition.name, definition, described.name)
    path, dot, rest = name.partition(".")
    if not dot:
        described.find(name)  # raises, with the nearest names
    relation = described.relation(path)
    if relation is None or not rest:
        paths = [f"{one}.{rest}" for one in described.relations]
        raise InvalidRequestError(
            f"{described.name} has no field {name} and no relation {path}"
            f"{did_you_mean(name, (*described.fields, *paths))}",
            fix=f"list its fields and relations with: intacct describe {described.name}",
        )
    to_itself = relation.object.upper() == described.name.upper()
    if to_itself and came_by_self:
        raise InvalidRequestError(
            f"{path} leads from {described.name} to {described.name} twice, and the gateway follows it only once"
        )
    target = catalog.find(relation.object)
    resolved = _resolve(rest, target, catalog, came_by_self=to_itself)
    return replace(resolved, name=f"{relation.path}.{resolved.name}")


def kinds(described: ObjectDef, catalog: Finder) -> KindOf:
    """The kind of any name that resolves from this object; each name is resolved once."""
    kind_by_name: dict[str, Kind] = {}

    def kind_of(name: str) -> Kind:
        if name not in kind_by_name:
            kind_by_name[name] = resolve(name, described, catalog).definition.kind
        return kind_by_name[name]

    return kind_of


def column_kind(selected: Selected, kind_of: KindOf) -> Kind:
    """The kind of a selected column: decimal for an average, integer for a count, else the field's kind."""
    if isinstance(selected, str):
        return kind_of(selected)
    if selected.function == "count":
        return Kind.INTEGER
    kind = kind_of(selected.field)
    return Kind.DECIMAL if selected.function == "avg" or (selected.function == "sum" and kind is Kind.INTEGER) else kind


def bind(query: Query, catalog: Finder) -> Query:
    """The query as the gateway spells it, its literals typed; `*` becomes all fields, long lists are split."""
    described = catalog.find(query.object)
    binder = _Binder(described, catalog)
    return replace(
        query,
        object=described.name,
        select=tuple(dict.fromkeys(one for selected in query.select for one in binder.select(selected))),
        where=None if query.where is None else rebuilt(query.where, binder.compare),
        order=tuple(Order(binder.name(one.field), one.descending) for one in query.order),
    )


@dataclass(frozen=True, slots=True)
class _Binder:
    described: ObjectDef
    catalog: Finder

    def name(self, name: str) -> str:
        return resolve(name, self.described, self.catalog).name

    def select(self, selected: Selected) -> Iterator[Selected]:
        if selected == "*":
            yield from self.described.fields
        elif isinstance(selected, str):
            yield self.name(selected)
        else:
            yield self.aggregate(selected)

    def aggregate(self, selected: Aggregate) -> Aggregate:
        field = resolve(selected.field, self.described, self.catalog)
        if selected.function in ("avg", "sum") and field.definition.kind not in NUMBERS:
            raise InvalidRequestError(
                f"{selected.function}({field.name}) needs a number; {field.owner}.{field.definition.name} is "
                f"{_kind_name(field.definition.kind)}"
            )
        return Aggregate(selected.function, field.name)

    def compare(self, node: Compare) -> Filter:
        field = resolve(node.field, self.described, self.catalog)
        typed = _pattern_literal if node.op in (Op.LIKE, Op.NOTLIKE) else literal
        values = tuple(typed(field, value) for value in node.values)
        if node.op is Op.BETWEEN:
            _check_ascending(field, values)
        return split(Compare(field.name, node.op, values))


def split(node: Compare) -> Filter:
    """A list longer than the gateway takes, as an *or* of *in* lists (an *and* of *not in* lists)."""
    if len(node.values) <= MAX_IN:
        return node
    pieces = [Compare(node.field, node.op, tuple(some)) for some in batched(node.values, MAX_IN)]
    return any_of(pieces) if node.op is Op.IN else all_of(pieces)


def literal(field: Resolved, value: Value) -> Value:
    """The literal as a value of the field's kind; InvalidRequestError if it is not one."""
    kind = field.definition.kind
    if kind in NUMBERS:
        return _number_literal(field, value)
    if kind is Kind.DATE:
        return _day_literal(field, value)
    if kind is Kind.TIMESTAMP:
        return _time_literal(field, value)
    if kind is Kind.BOOLEAN:
        return _boolean_literal(field, value)
    return _listed_value(field, _plain_text(field, value))


def _number_literal(field: Resolved, value: Value) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        unquoted = isinstance(value, str) and value.strip().replace(".", "", 1).lstrip("+-").isdecimal()
        raise _mismatch(
            field, value, f"write {str(value).strip()} without quotes" if unquoted else "write a number, such as 100.50"
        )
    try:
        check_fits(Decimal(value))
    except RecordError as error:
        raise InvalidRequestError(
            f"{field.name}: {error.message}", fix="write fewer digits; a number is never rounded to fit"
        ) from None
    if field.definition.kind is Kind.INTEGER:
        return int(value) if value == int(value) else value
    return Decimal(value)


def _day_literal(field: Resolved, value: Value) -> Value:
    if isinstance(value, datetime):
        if value.time() == time.min:
            return value.date()
        raise _mismatch(field, value, f"write the day alone: {value:%Y-%m-%d}")
    return value if isinstance(value, date) else _parsed_literal(field, value, "write it like 2026-01-31")


def _time_literal(field: Resolved, value: Value) -> Value:
    if isinstance(value, date):  # datetimes included; a bare date means midnight on the user's own clock
        return value
    if isinstance(value, str) and _is_wall_text(value):
        return value  # the gateway's own text is unchanged: a bookmark must not shift by an offset
    return _parsed_literal(field, value, "write it like 2026-01-31T10:00:00")


def _is_wall_text(text: str) -> bool:
    try:
        datetime.strptime(text, "%m/%d/%Y %H:%M:%S")  # in the gateway's time zone
    except ValueError:
        return False
    return True


def _parsed_literal(field: Resolved, value: Value, fix: str) -> Value:
    if not isinstance(value, str) or not value:
        raise _mismatch(field, value, fix)
    try:
        return parse_value(field.definition.kind, value)
    except RecordError:
        raise _mismatch(field, value, fix) from None


def _boolean_literal(field: Resolved, value: Value) -> Value:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise _mismatch(field, value, "write true or false")
    return value


def _plain_text(field: Resolved, value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return _letter(value) if {"T", "F"} <= set(field.definition.values) else render_value(Kind.BOOLEAN, value)
    if isinstance(value, int | Decimal):
        return render_value(Kind.DECIMAL, Decimal(value))
    raise _mismatch(field, value, "write it in quotes, as it stands in the field")


def _letter(value: bool) -> str:  # noqa: FBT001
    return "T" if value else "F"


def _listed_value(field: Resolved, text: str) -> str:
    allowed = field.definition.values
    if not allowed or text in allowed:
        return text
    by_case = {one.lower(): one for one in allowed}
    picked = [by_case.get(part.lower()) for part in text.split(MULTI_PICK)]
    if None in picked:
        shown = ", ".join(one or "''" for one in allowed[:20]) + (", ..." if len(allowed) > 20 else "")
        raise InvalidRequestError(
            f"{field.owner}.{field.definition.name} is never {text!r}{did_you_mean(text, allowed)}",
            fix=f"use one of: {shown}",
        )
    return MULTI_PICK.join(one for one in picked if one is not None)


def _pattern_literal(field: Resolved, value: Value) -> Value:
    if not isinstance(value, str):
        raise InvalidRequestError(
            f"like on {field.name} needs a text, and {_shown(value)} is not a text",
            fix="put the pattern in quotes; % stands for any run of characters, _ for one",
        )
    return value


def _check_ascending(field: Resolved, values: tuple[Value, ...]) -> None:
    low, high = values
    if type(low) is type(high) and not isinstance(low, str) and low > high:  # type: ignore[operator]
        raise InvalidRequestError(
            f"between {_shown(low)} and {_shown(high)} on {field.name} matches no row: the lower value comes first"
        )


def _mismatch(field: Resolved, value: Value, fix: str) -> InvalidRequestError:
    definition = field.definition
    return InvalidRequestError(
        f"{field.owner}.{definition.name} is {_kind_name(definition.kind)}, and {_shown(value)} is not", fix=fix
    )


_KIND_NAMES = {
    Kind.INTEGER: "a whole number",
    Kind.DATE: "a date",
    Kind.TIMESTAMP: "a time",
    Kind.BOOLEAN: "true or false",
}


def _kind_name(kind: Kind) -> str:
    return _KIND_NAMES.get(kind, "a number" if kind in NUMBERS else "a text")


def _shown(value: Value) -> str:
    return repr(value) if isinstance(value, str) else str(value)
