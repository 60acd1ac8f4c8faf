"""The filters of the query service as a tree of comparisons, by REST names and with the values that were sent.

`{"$eq": {"status": "active"}}` is one condition. `filterExpression` joins them by their numbers: `(1 and 2) or 3`.
Without it all of them hold.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intacct_emulator.rest.messages import invalid_request

OPERATORS = {
    "$eq": 1,
    "$ne": 1,
    "$lt": 1,
    "$lte": 1,
    "$gt": 1,
    "$gte": 1,
    "$in": 0,
    "$notIn": 0,
    "$between": 2,
    "$notBetween": 2,
    "$contains": 1,
    "$notContains": 1,
    "$startsWith": 1,
    "$notStartsWith": 1,
    "$endsWith": 1,
    "$notEndsWith": 1,
    "$has": 1,
}
"""Each operator, and how many values it takes; 0 for a list of any length."""
_TOKEN = re.compile(r"\s*(\(|\)|and\b|or\b|\d+)", re.IGNORECASE)
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one field."""

    operator: str
    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """Several conditions, all of which hold, or one of them."""

    word: str
    """`and` or `or`."""
    parts: tuple["Condition | Joined", ...]


Tree = Condition | Joined


def filter_tree(filters: Any, expression: Any) -> Tree | None:
    """The tree of a query's filters; None if it has none. Raises RestRefusedError."""
    conditions = list(_conditions(filters or []))
    text = str(expression or "").strip()
    if not conditions:
        return None
    if not text or text.lower() in ("and", "or"):
        word = text.lower() or "and"
        return conditions[0] if len(conditions) == 1 else Joined(word, tuple(conditions))
    return _Parser(text, conditions).tree()


def conditions_of(tree: Tree | None) -> Iterator[Condition]:
    """Every condition of a tree."""
    if isinstance(tree, Condition):
        yield tree
    elif tree is not None:
        for part in tree.parts:
            yield from conditions_of(part)


def _conditions(filters: Any) -> Iterator[Condition]:
    if not isinstance(filters, Sequence) or isinstance(filters, str):
        raise invalid_request("filters is not a list", target="/filters")
    for at, condition in enumerate(filters):
        where = f"/filters/{at}"
        if not isinstance(condition, Mapping) or len(condition) != 1:
            raise invalid_request("A filter is an object with one operator", target=where)
        [(operator, compared)] = condition.items()
        if operator not in OPERATORS:
            raise invalid_request(f"{operator} is not an operator", target=where)
        if not isinstance(compared, Mapping) or len(compared) != 1:
            raise invalid_request(f"{operator} compares one field with a value", target=where)
        [(name, value)] = compared.items()
        arity = OPERATORS[operator]
        values = tuple(value) if arity != 1 and isinstance(value, list) else (value,)
        if (arity > 1 and len(values) != arity) or not values or (arity != 1 and not isinstance(value, list)):
            raise invalid_request(f"{operator} takes a list of {arity or 'one or more'} values", target=where)
        yield Condition(operator, str(name), values)


class _Parser:
    """Reads a filter expression."""

    def __init__(self, text: str, conditions: list[Condition]) -> None:
        self._text, self._conditions = text, conditions
        self._tokens = self._split(text)
        self._at = 0

    def _split(self, text: str) -> list[str]:
        tokens, place = [], 0
        while place < len(text.rstrip()):
            token = _TOKEN.match(text, place)
            if token is None:
                raise self._refused()
            tokens.append(token[1].lower())
            place = token.end()
        return tokens

    def _refused(self) -> Exception:
        return invalid_request(f"The filter expression {self._text!r} cannot be read", target="/filterExpression")

    def tree(self) -> Tree:
        """The whole expression."""
        tree = self._either(0)
        if self._at != len(self._tokens):
            raise self._refused()
        return tree

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _either(self, depth: int) -> Tree:
        parts = [self._all(depth)]
        while self._next() == "or":
            self._at += 1
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def _all(self, depth: int) -> Tree:
        parts = [self._operand(depth)]
        while self._next() == "and":
            self._at += 1
            parts.append(self._operand(depth))
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def _operand(self, depth: int) -> Tree:
        mark = self._next()
        self._at += 1
        if mark == "(" and depth < _DEEPEST:
            tree = self._either(depth + 1)
            if self._next() != ")":
                raise self._refused()
            self._at += 1
            return tree
        if mark.isdecimal() and 1 <= int(mark) <= len(self._conditions):
            return self._conditions[int(mark) - 1]
        raise self._refused()
