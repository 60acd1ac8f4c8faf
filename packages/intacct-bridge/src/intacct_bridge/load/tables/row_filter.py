"""The user's changes to an input before it is read: constants for all rows, and a filter on rows.

The filter has the language of queries. A column is named without spaces and punctuation, `inv_no` for `Inv No.`; text
is compared ignoring case. Layouts apply the filter: a line whose record columns are blank has the values of its record.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import cast

import msgspec

from intacct_bridge.load.tables.cells import AmountReading, Cell, amount_reading, read_date, read_money, text_of
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable, RowFilter
from intacct_protocol.errors import InvalidRequestError, RecordError, SettingsError
from intacct_protocol.model.query.evaluate import predicate
from intacct_protocol.model.query.query import And, Compare, Filter, Or
from intacct_protocol.model.query.where import parse_where
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.values import Kind, Value


def plain_name(name: str) -> str:
    """A column's name without case, spaces and punctuation."""
    return re.sub(r"[^0-9a-z]+", "", name.casefold())


def with_constants(table: InputTable, constants: Mapping[str, str]) -> InputTable:
    """The input with further columns that have one value in every row.

    A column of the input may have the same name if it has no other value. SettingsError if it has.
    """
    if not constants:
        return table
    spelled = {plain_name(column): column for column in table.columns}
    cells = {spelled.get(plain_name(name), name): value for name, value in constants.items()}
    for name in cells.keys() & set(table.columns):
        for row in table:
            text = text_of(row.cells.get(name))
            if text and text != cells[name].strip():
                raise SettingsError(
                    f"{row.position}: {name} is {text!r}, and the load sets it to {cells[name]!r} for all rows",
                    fix=f"leave out `set` for {name}, or the value in the file",
                    setting="set",
                )
    columns = (*table.columns, *(name for name in cells if name not in table.columns))
    return replace(
        table,
        columns=columns,
        rows=lambda: (msgspec.structs.replace(row, cells={**row.cells, **cells}) for row in table),
        constants=cells,
    )


def with_filter(table: InputTable, text: str | None) -> InputTable:
    """The input with a condition on its rows. SettingsError if the condition cannot be read, or names no column."""
    if not text:
        return table
    try:
        where = parse_where(text)
    except InvalidRequestError as error:
        raise SettingsError(error.message, fix=error.fix, setting="where") from None
    columns = {plain_name(column): column for column in table.columns}
    kinds: dict[str, Kind] = {}
    for comparison in _comparisons(where):
        _learn_kind(comparison, kinds, columns, table)
    try:
        meets = predicate(
            where,
            lambda name: kinds[name],
            cells=lambda name: _cell(columns[plain_name(name)], kinds[name], amount_reading(table.decimal, ())),
            case_insensitive=True,
        )
    except InvalidRequestError as error:
        raise SettingsError(error.message, fix=error.fix, setting="where") from None

    return replace(table, where=RowFilter(meets))


def _comparisons(node: Filter) -> Iterator[Compare]:
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from _comparisons(part)
    elif isinstance(node, Compare):
        yield node


def _learn_kind(comparison: Compare, kinds: dict[str, Kind], columns: Mapping[str, str], table: InputTable) -> None:
    """Compare a column as what the filter's values are. SettingsError for an unknown column, or values of two kinds."""
    if plain_name(comparison.field) not in columns:
        near = did_you_mean(comparison.field, [name.replace(" ", "_") for name in table.columns])
        raise SettingsError(
            f"{table.path.name} has no column {comparison.field!r}{near}",
            fix="name a column of the input, without spaces: Inv_No for 'Inv No.'",
            setting="where",
        )
    for value in comparison.values:
        if kinds.setdefault(comparison.field, _kind(value)) is not _kind(value):
            raise SettingsError(
                f"{comparison.field} is compared with values of two kinds", fix="put text in quotes, numbers without"
            )
    if not comparison.values:
        kinds.setdefault(comparison.field, Kind.TEXT)


def _kind(value: Value) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, date):
        return Kind.DATE
    return Kind.DECIMAL if isinstance(value, int | Decimal) else Kind.TEXT


def _cell(column: str, kind: Kind, amounts: AmountReading) -> Callable[[SourceRow], str | None]:
    """The text of a column's cell in the gateway's own form. SettingsError if it is not of the kind."""

    def text(row: SourceRow) -> str | None:
        cell = row.cells.get(column)
        if not text_of(cell) or kind in (Kind.TEXT, Kind.BOOLEAN):
            return text_of(cell)
        try:
            scalar = cast("Cell", cell)
            number = read_date(scalar) if kind is Kind.DATE else read_money(scalar, amounts)
        except RecordError as error:
            raise SettingsError(
                f"{row.position}: {column}: {error.message}, and the filter compares it",
                fix=f"{error.fix}, or compare it as a text in quotes",
                setting="where",
            ) from None
        return None if number is None else number.isoformat() if isinstance(number, date) else format(number, "f")

    return text
