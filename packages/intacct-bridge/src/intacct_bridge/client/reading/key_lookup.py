"""Rows found by their keys, a few queries for many records: the lookup before an update, an upsert or a duplicate.

A query's filter is the product of the keys' values, field by field. So it may also find rows with other combinations of
them, and the caller compares the rows with the keys again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TypeVar

from intacct_protocol.model.batched import batched
from intacct_protocol.model.query.query import MAX_IN, Filter, Query, all_of, field
from intacct_protocol.model.text_forms import with_forms
from intacct_protocol.xml.values import Kind, Value, parse_value

R = TypeVar("R")


def rows_by_keys(
    fetch: Callable[[Query], Iterable[R]],
    query: Query,
    keys: Sequence[Mapping[str, Value]],
    kind_of: Callable[[str], Kind],
    *,
    batch: int = MAX_IN,
) -> Iterator[R]:
    """The rows of a query that may have one of these keys, each a value by field; all keys have the same fields.

    `batch` is the most keys in one query; `kind_of` gives a field's kind, by which values given as text are parsed.
    """
    for chunk in batched(keys, batch):
        conditions = (key_condition(name, kind_of(name), [key[name] for key in chunk]) for name in keys[0])
        yield from fetch(replace(query, where=all_of(one for one in conditions if one is not None)))


def key_condition(name: str, kind: Kind, values: Iterable[Value]) -> Filter | None:
    """The condition that each of these values of a field meets; None if one of them is empty.

    Strings are asked for in each of their forms. Days become a range.
    """
    distinct = with_forms(dict.fromkeys(values))
    if any(value in (None, "") for value in distinct):
        return None
    typed = [parse_value(kind, value) if isinstance(value, str) else value for value in distinct]
    if kind is Kind.DATE:
        days = sorted(value for value in typed if isinstance(value, date))
        return field(name).between(days[0], days[-1])
    return field(name) == typed[0] if len(typed) == 1 else field(name).is_in(typed)
