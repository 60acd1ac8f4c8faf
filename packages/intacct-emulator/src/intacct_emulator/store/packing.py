"""Typed rows packed into a table in blocks, column by column: a value that repeats in a column is encoded once.

The stored rows are those of `cells.pack`, except that a row has a place for every field that its block knows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

from intacct_emulator.settings.cells import SEPARATOR, escaped, plain_decimal, text_of
from intacct_emulator.store.store import SqlValue, StoreTable
from intacct_protocol.xml.values import Value

_BLOCK = 512
_KNOWN = 200_000
_MARK = SEPARATOR.decode()


class _Memo(dict[Any, Any]):
    """The result of a function for each value; names, dates and flags repeat."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        super().__init__()
        self._work = work

    def __missing__(self, value: Any) -> Any:
        packed = self._work(value)
        if len(self) < _KNOWN:
            self[value] = packed
        return packed


class ColumnTexts:
    """The strings of columns, with what the columns of a load have in common."""

    def __init__(self) -> None:
        self._escaped = _Memo(lambda text: escaped(text).decode())
        self._amounts = _Memo(plain_decimal)
        self._cells = {bool: _Memo(text_of), date: _Memo(text_of), datetime: _Memo(text_of)}
        self._ordered: dict[type, Callable[[Any], SqlValue]] = {
            str: lambda text: text or None,
            int: int,
            bool: text_of,
            Decimal: text_of,
            date: _Memo(date.isoformat).__getitem__,
            datetime: _Memo(_time).__getitem__,
        }

    def cells(self, column: Sequence[Value], kinds: set[type]) -> Sequence[str]:
        """A column as wire text; null is empty text. `kinds` are the types of its values."""
        if kinds == {int}:
            return list(map(str, column))
        if kinds <= {str, type(None)}:
            texts: Any = column if kinds == {str} else [value or "" for value in column]
            return self._texts(texts)
        solid = next(iter(kinds - {type(None)})) if len(kinds - {type(None)}) == 1 else None
        if solid is Decimal:
            amounts = self._amounts
            return ["" if value is None else amounts[str(value)] for value in column]
        if solid in self._cells:
            memo = self._cells[solid]
            return ["" if value is None else memo[value] for value in column]
        return ["" if value is None else self._cell(value) for value in column]

    def _texts(self, column: Sequence[str]) -> Sequence[str]:
        joined = "".join(column)
        if joined.isascii() and joined.isprintable() and not any(char in joined for char in "&<>"):
            return column
        return list(map(self._escaped.__getitem__, column))

    def _cell(self, value: Value) -> str:
        kind = type(value)
        if kind is Decimal:
            return self._amounts[str(value)]  # type: ignore[no-any-return]
        if kind is str:
            return self._escaped[value]  # type: ignore[no-any-return]
        memo = self._cells.get(kind)
        return text_of(value) if memo is None else memo[value]

    def ordered(self, column: Sequence[Value], kinds: set[type]) -> Sequence[SqlValue]:
        """A column as SQL orders it: ISO dates, integers, plain text."""
        if kinds == {int}:
            return column  # type: ignore[return-value]  # integers only
        work = self._ordered
        return [None if value is None else work[type(value)](value) for value in column]


def _time(value: datetime) -> str:
    moment = value if value.tzinfo in (None, UTC) else value.astimezone(UTC)
    return moment.isoformat(" ")[:19]


class RowPacker:
    """Packs one object's rows, which must not change after they were added."""

    def __init__(self, table: StoreTable, texts: ColumnTexts) -> None:
        table.create(indexed=False)
        self._table = table
        self._texts = texts
        self._rows: list[Mapping[str, Value]] = []
        self._next = table.next_number()
        self.count = 0

    def add(self, row: Mapping[str, Value]) -> None:
        """Add one row."""
        self._rows.append(row)
        self.count += 1
        if len(self._rows) >= _BLOCK:
            self._flush()

    def finish(self) -> None:
        """Keep the last block and make the indexes."""
        if self._rows:
            self._flush()
        self._table.index()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        table, texts = self._table, self._texts
        columns, kinds = _columns(rows)
        self._make_places(rows, columns)
        numbers = self._numbers(rows, columns, kinds)
        nulls = [None] * len(rows)
        searched = [
            texts.ordered(columns[field], kinds[field]) if field in columns else nulls
            for field, _ in table.plan.searchable
        ]
        cells = list(self._cells(columns, kinds, len(rows)))
        joined = map(_MARK.join, zip(*cells, strict=True)) if cells else repeat("", len(rows))
        table.insert_packed(zip(numbers, *searched, map(str.encode, joined), strict=True))

    def _cells(
        self, columns: Mapping[str, Sequence[Value]], kinds: Mapping[str, set[type]], count: int
    ) -> Iterator[Iterable[str]]:
        """The strings of the rows' places in order; neighbouring places with one value for all rows are one text.

        Columns with equal values, such as the times at which a record was made and last changed, are encoded once.
        """
        equal: list[str] = []
        cached: dict[type, list[tuple[Sequence[Value], Sequence[str]]]] = {}
        for field in self._table.fields:
            column = columns.get(field, ())
            if not column or (len(kinds[field]) == 1 and _is_repeated(column)):
                equal += self._texts.cells(column[:1], kinds[field]) if column else [""]
                continue
            if equal:
                yield repeat(_MARK.join(equal), count)
                equal = []
            types = kinds[field] - {type(None)}
            alike = cached.setdefault(next(iter(types)), []) if len(types) == 1 else []
            texts = next((texts for other, texts in alike if other == column), None)
            if texts is None:
                texts = self._texts.cells(column, kinds[field])
                alike.append((column, texts))
            yield texts
        if equal:
            yield repeat(_MARK.join(equal), count)

    def _make_places(self, rows: Sequence[Mapping[str, Value]], columns: Mapping[str, Sequence[Value]]) -> None:
        """Give a place to each new field, in the order in which rows first have a value of it."""
        new = {field for field in columns if field not in self._table.place}
        if new:
            self._table.make_places(
                field for row in rows for field, value in row.items() if field in new and value is not None
            )

    def _numbers(
        self,
        rows: Sequence[Mapping[str, Value]],
        columns: dict[str, Sequence[Value]],
        kinds: dict[str, set[type]],
    ) -> list[int]:
        """The rows' numbers: the key if that is an integer, else the next one, which becomes a missing key."""
        key = self._table.plan.key if self._table.plan.key_is_integer else None
        keys = columns.get(key, ()) if key else ()
        numbers = []
        for value in keys or repeat(None, len(rows)):
            number = value if isinstance(value, int) else self._next
            self._next = max(self._next, number) + 1
            numbers.append(number)
        if key and kinds.get(key) != {int}:
            self._table.make_places((key,))
            columns[key], kinds[key] = numbers, {int}
        return numbers


def _columns(
    rows: Sequence[Mapping[str, Value]],
) -> tuple[dict[str, Sequence[Value]], dict[str, set[type]]]:
    """The columns that have a value in these rows, and the types of their values, null included."""
    columns: dict[str, Sequence[Value]] = {}
    kinds: dict[str, set[type]] = {}
    for field, column in _values(rows).items():
        kind = type(column[0])
        types = {kind} if kind in (str, type(None)) and _is_repeated(column) else set(map(type, column))
        if types != {type(None)}:
            columns[field], kinds[field] = column, types
    return columns, kinds


def _values(rows: Sequence[Mapping[str, Value]]) -> dict[str, Sequence[Value]]:
    """The values of each field in all rows. The fields that every row has are taken together, which is faster."""
    shapes = dict.fromkeys(map(tuple, rows))  # rows of one object have few different sets of fields
    fields = dict.fromkeys(chain.from_iterable(shapes))
    if len(shapes) == 1:
        return dict(zip(fields, zip(*[row.values() for row in rows], strict=True), strict=True))
    in_all = frozenset(fields).intersection(*shapes)
    common = [field for field in fields if field in in_all]
    values: dict[str, Sequence[Value]] = {}
    if len(common) > 1:  # of one field, `itemgetter` gives the value itself
        values = dict(zip(common, zip(*map(itemgetter(*common), rows), strict=True), strict=True))
    return {field: values.get(field) or tuple([row.get(field) for row in rows]) for field in fields}


def _is_repeated(column: Sequence[Value]) -> bool:
    """Whether all values of a column are equal; those of different types may be, except strings and nulls."""
    return column[0] == column[-1] and column.count(column[0]) == len(column)
