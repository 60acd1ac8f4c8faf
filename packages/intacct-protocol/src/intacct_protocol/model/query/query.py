"""Queries: a tree of filter nodes and the query that carries it, as plain data that knows no object.

    where = (field("TOTALDUE") > 0) & field("STATE").is_in(["Posted", "Paid"])
    Query("APBILL", ("RECORDNO", "TOTALDUE"), where=where, order=(Order("WHENDUE", descending=True),))

A node holds names and literals as they were written; `bind` checks them against the catalogue, `filter_xml` writes them
for the gateway and `evaluate` runs them over rows. Three rules keep the tree writable as the gateway's XML: a literal
is never a float (money is exact), never None (null has its own operators), and `~` is pushed down to the operators,
since the gateway has no *not*.

As in the gateway, a comparison with a null is false, and so is its negation: `~(field("A") == 1)` does not find
rows where A is null.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NoReturn

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.wording import counted
from intacct_protocol.xml.values import Kind, Value

MAX_IN = 1000
MAX_PAGE = 2000
"""The gateway's limits: values in one `in`, and rows in one page."""

KindOf = Callable[[str], Kind]
"""The kind of a field; TEXT for an unknown one."""


class Op(StrEnum):
    """The gateway's operators; the value is the element's tag."""

    EQUALTO = "equalto"
    NOTEQUALTO = "notequalto"
    LESSTHAN = "lessthan"
    LESSTHANOREQUALTO = "lessthanorequalto"
    GREATERTHAN = "greaterthan"
    GREATERTHANOREQUALTO = "greaterthanorequalto"
    LIKE = "like"
    NOTLIKE = "notlike"
    BETWEEN = "between"
    IN = "in"
    NOTIN = "notin"
    ISNULL = "isnull"
    ISNOTNULL = "isnotnull"


_OPPOSITE_PAIRS = (
    (Op.EQUALTO, Op.NOTEQUALTO),
    (Op.LESSTHAN, Op.GREATERTHANOREQUALTO),
    (Op.GREATERTHAN, Op.LESSTHANOREQUALTO),
    (Op.LIKE, Op.NOTLIKE),
    (Op.IN, Op.NOTIN),
    (Op.ISNULL, Op.ISNOTNULL),
)
_OPPOSITE = {one: other for pair in _OPPOSITE_PAIRS for one, other in (pair, pair[::-1])}
_ARITY = {Op.BETWEEN: 2, Op.ISNULL: 0, Op.ISNOTNULL: 0}


class Filter:
    """The base of Compare, And and Or, which combine with `&`, `|` and `~` only."""

    __slots__ = ()

    def __and__(self, other: "Filter") -> "Filter":
        return all_of((self, _checked(other, "&")))

    def __or__(self, other: "Filter") -> "Filter":
        return any_of((self, _checked(other, "|")))

    def __invert__(self) -> "Filter":
        return negated(self)

    def __bool__(self) -> NoReturn:
        raise InvalidRequestError(
            "a filter has no truth value",
            fix="combine filters with & | ~ (not with and, or, not, nor by chaining comparisons); test with `is None`",
        )


@dataclass(frozen=True, slots=True)
class Compare(Filter):
    """One operator on one field."""

    field: str
    op: Op
    values: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        expected = _ARITY.get(self.op, 1)
        if self.op in (Op.IN, Op.NOTIN):
            if not self.values:
                raise InvalidRequestError(
                    f"the list of values for {self.field} is empty, which the gateway does not accept",
                    fix="leave the condition out, or send no query when the list is empty",
                )
        elif len(self.values) != expected:
            raise InvalidRequestError(
                f"{self.op} on {self.field} takes {counted(expected, 'value')}, not {len(self.values)}"
            )
        for value in self.values:
            _check_literal(self.field, value)


@dataclass(frozen=True, slots=True)
class And(Filter):
    """All parts are true. The gateway requires two or more: `all_of` returns a single part as it is."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _check_parts("and", self.parts)


@dataclass(frozen=True, slots=True)
class Or(Filter):
    """At least one part is true. The gateway requires two or more: `any_of` returns a single part as it is."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _check_parts("or", self.parts)


def all_of(parts: Iterable[Filter]) -> Filter:
    """The parts joined by *and*: nested ands are flattened, a single part is returned as it is."""
    flat = _flattened(parts, And, "&")
    return flat[0] if len(flat) == 1 else And(flat)


def any_of(parts: Iterable[Filter]) -> Filter:
    """The parts joined by *or*: nested ors are flattened, a single part is returned as it is."""
    flat = _flattened(parts, Or, "|")
    return flat[0] if len(flat) == 1 else Or(flat)


def negated(node: Filter) -> Filter:
    """The opposite, with the negation pushed down to the operators; *between* becomes below-or-above."""
    if isinstance(node, And):
        return any_of(negated(part) for part in node.parts)
    if isinstance(node, Or):
        return all_of(negated(part) for part in node.parts)
    assert isinstance(node, Compare)
    if node.op is Op.BETWEEN:
        low, high = node.values
        below, above = Compare(node.field, Op.LESSTHAN, (low,)), Compare(node.field, Op.GREATERTHAN, (high,))
        return Or((below, above))
    return Compare(node.field, _OPPOSITE[node.op], node.values)


def comparisons(node: Filter | None) -> list[Compare]:
    """Every Compare in the tree, in written order."""
    if node is None:
        return []
    if isinstance(node, And | Or):
        return [leaf for part in node.parts for leaf in comparisons(part)]
    assert isinstance(node, Compare)
    return [node]


def rebuilt(node: Filter, change: Callable[[Compare], Filter]) -> Filter:
    """The same tree with `change` applied to every Compare."""
    if isinstance(node, And):
        return all_of(rebuilt(part, change) for part in node.parts)
    if isinstance(node, Or):
        return any_of(rebuilt(part, change) for part in node.parts)
    assert isinstance(node, Compare)
    return change(node)


def weakened(node: Filter | None, fields: Collection[str]) -> Filter | None:
    """The filter without its conditions on some fields: it keeps the same rows, perhaps more; None keeps all."""
    if isinstance(node, And):
        parts = [weaker for part in node.parts if (weaker := weakened(part, fields)) is not None]
        return all_of(parts) if parts else None
    if isinstance(node, Or):
        branches = [weakened(part, fields) for part in node.parts]
        parts = [weaker for weaker in branches if weaker is not None]
        return any_of(parts) if len(parts) == len(branches) else None
    return None if isinstance(node, Compare) and node.field in fields else node


class Field:
    """A field's name, from which comparisons are built; `== None` and `!= None` mean null and not null."""

    __slots__ = ("name",)
    __hash__ = None  # type: ignore[assignment]  # == builds a filter, so a set cannot compare fields

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, value: Value) -> Compare:  # type: ignore[override]
        return self.is_null() if value is None else Compare(self.name, Op.EQUALTO, (value,))

    def __ne__(self, value: Value) -> Compare:  # type: ignore[override]
        return self.is_not_null() if value is None else Compare(self.name, Op.NOTEQUALTO, (value,))

    def __lt__(self, value: Value) -> Compare:
        return Compare(self.name, Op.LESSTHAN, (value,))

    def __le__(self, value: Value) -> Compare:
        return Compare(self.name, Op.LESSTHANOREQUALTO, (value,))

    def __gt__(self, value: Value) -> Compare:
        return Compare(self.name, Op.GREATERTHAN, (value,))

    def __ge__(self, value: Value) -> Compare:
        return Compare(self.name, Op.GREATERTHANOREQUALTO, (value,))

    def like(self, pattern: str) -> Compare:
        """`%` stands for any run of characters, `_` for one."""
        return Compare(self.name, Op.LIKE, (pattern,))

    def not_like(self, pattern: str) -> Compare:
        """`%` stands for any run of characters, `_` for one."""
        return Compare(self.name, Op.NOTLIKE, (pattern,))

    def between(self, low: Value, high: Value) -> Compare:
        """Both ends included; the lower value comes first."""
        return Compare(self.name, Op.BETWEEN, (low, high))

    def is_in(self, values: Iterable[Value]) -> Compare:
        """Any number of values; `bind` splits lists that are longer than the gateway takes."""
        return Compare(self.name, Op.IN, _listed(self.name, values))

    def not_in(self, values: Iterable[Value]) -> Compare:
        """Any number of values; `bind` splits lists that are longer than the gateway takes."""
        return Compare(self.name, Op.NOTIN, _listed(self.name, values))

    def is_null(self) -> Compare:
        """The field is empty."""
        return Compare(self.name, Op.ISNULL)

    def is_not_null(self) -> Compare:
        """The field is not empty."""
        return Compare(self.name, Op.ISNOTNULL)


def field(name: str) -> Field:
    """Start a comparison: `field("TOTALDUE") > 5`."""
    return Field(name)


AGGREGATES = ("count", "avg", "min", "max", "sum")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One of count, avg, min, max and sum of a field, grouped by the plain fields of the selection."""

    function: str
    field: str

    def __post_init__(self) -> None:
        if self.function not in AGGREGATES:
            raise InvalidRequestError(
                f"there is no function {self.function}(); the gateway has {', '.join(AGGREGATES)}"
            )

    @property
    def column(self) -> str:
        """The name of its column in the rows, such as `COUNT.RECORDNO`."""
        return f"{self.function.upper()}.{self.field}"


@dataclass(frozen=True, slots=True)
class Order:
    """One field to sort by."""

    field: str
    descending: bool = False


Selected = str | Aggregate


@dataclass(frozen=True, slots=True)
class Query:
    """The contents of one `query` function."""

    object: str
    select: tuple[Selected, ...]
    """`bind` replaces `*` by all fields of the object."""
    where: Filter | None = None
    order: tuple[Order, ...] = ()
    page_size: int = MAX_PAGE
    offset: int = 0
    case_insensitive: bool = False
    show_private: bool = False
    """At the top level, include the records that are private to an entity."""
    doc_par_id: str | None = None
    """The transaction definition whose custom fields are included."""
    return_format: str | None = None

    def __post_init__(self) -> None:
        if not self.select:
            raise InvalidRequestError(f"the query of {self.object} selects nothing", fix="name fields, or * for all")
        if not 1 <= self.page_size <= MAX_PAGE:
            raise InvalidRequestError(f"a page holds 1 to {MAX_PAGE:,} rows, not {self.page_size:,}")
        if self.offset < 0:
            raise InvalidRequestError(f"an offset cannot be negative ({self.offset})")
        if self.return_format not in (None, "xml", "json", "csv"):
            raise InvalidRequestError(f"the gateway returns xml, json or csv, not {self.return_format}")


def _checked(other: object, operator: str) -> Filter:
    if not isinstance(other, Filter):
        raise InvalidRequestError(
            f"{operator} joins filters, and {other!r} is not a filter",
            fix=f'put each comparison in parentheses: (field("A") > 1) {operator} (field("B") == 2)',
        )
    return other


def _flattened(parts: Iterable[Filter], kind: type[And] | type[Or], operator: str) -> tuple[Filter, ...]:
    flat: list[Filter] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (_checked(part, operator),))
    return tuple(flat)


def _check_parts(name: str, parts: tuple[Filter, ...]) -> None:
    if not parts:
        raise InvalidRequestError(f"an {name} has no conditions", fix="leave the filter out")
    for part in parts:
        _checked(part, name)


def _check_literal(name: str, value: object) -> None:
    if value is None:
        raise InvalidRequestError(f"{name} cannot be compared with null", fix="use is_null()")
    if isinstance(value, float):
        raise InvalidRequestError(
            f"{value!r} on {name} is a float, which is not exact", fix=f'use Decimal("{value!r}")'
        )
    if not isinstance(value, str | int | Decimal | date):
        raise InvalidRequestError(f"{value!r} on {name} is not text, a number, a date, a time or a boolean")


def _listed(name: str, values: Iterable[Value]) -> tuple[Value, ...]:
    if isinstance(values, str):
        raise InvalidRequestError(f"the values for {name} must be a list, not the text {values!r}")
    return tuple(values)
