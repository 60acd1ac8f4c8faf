"""How a table's columns follow a company's fields: which are added, widened or refused. Pure Arrow.

A column never holds less than before. A new field becomes a new column; a whole number that meets a fraction becomes a
decimal, and a date that meets a time becomes a time. A change of meaning (text to number, number to text) is refused
with an error, since no silent choice would be right.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.typed_arrow import arrow_type
from intacct_protocol.xml.values import Kind

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Evolution:
    """The changes to a table before the rows fit."""

    schema: "pa.Schema"
    """The table's columns afterwards, without those that a copy adds."""
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()


def schema_of(fields: Mapping[str, Kind]) -> "pa.Schema":
    """The columns of a stream before any of its rows are seen."""
    import pyarrow as pa

    return pa.schema([(name, arrow_type(kind)) for name, kind in fields.items()])


def evolve(table: str, current: "pa.Schema | None", incoming: "pa.Schema") -> Evolution:
    """The table's columns when `incoming` has to fit as well; SettingsError if it cannot."""
    import pyarrow as pa

    if current is None or current.equals(incoming):
        return Evolution(incoming)
    columns = {field.name: field.type for field in current}
    added, widened = [], []
    for field in incoming:
        current_type = columns.get(field.name)
        if current_type is None:
            added.append(field.name)
        elif field.type != current_type:
            wider = _wider(current_type, field.type)
            if wider is None:
                raise _refusal(table, field.name, current_type, field.type)
            if wider == current_type:
                continue
            widened.append(field.name)
            columns[field.name] = wider
            continue
        else:
            continue
        columns[field.name] = field.type
    return Evolution(pa.schema(list(columns.items())), tuple(added), tuple(widened))


def dates_that_become_times(current: "pa.Schema | None", evolution: Evolution) -> tuple[str, ...]:
    """The columns that held dates and become times."""
    from pyarrow import types

    if current is None:
        return ()
    return tuple(name for name in evolution.widened if types.is_date(current.field(name).type))


def joined(schemas: Iterable["pa.Schema"], table: str) -> "pa.Schema":
    """One schema that holds the rows of all schemas."""
    result: pa.Schema | None = None
    for schema in schemas:
        result = evolve(table, result, schema).schema
    assert result is not None
    return result


def combined(batches: Sequence["pa.RecordBatch"], schema: "pa.Schema", key: str = "") -> "pa.Table":
    """Batches as one table with the destination's types; if a key came twice the last row counts.

    Columns that no batch has stay absent, so that a merge leaves them unchanged.
    """
    import pyarrow as pa

    names = dict.fromkeys(name for batch in batches for name in batch.schema.names)
    target = pa.schema([(name, schema.field(name).type) for name in names])
    if all(batch.schema.equals(target) for batch in batches):
        rows = pa.Table.from_batches(batches)
    else:
        fitted = [_fitted(pa.Table.from_batches([batch]), target) for batch in batches]
        rows = pa.concat_tables(fitted, promote_options="default").select(list(names))
    if not key:
        return rows
    last = {value: index for index, value in enumerate(rows.column(key).to_pylist())}
    return rows if len(last) == rows.num_rows else rows.take(pa.array(sorted(last.values())))


def _fitted(rows: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    target = pa.schema([(name, schema.field(name).type) for name in rows.schema.names])
    return rows if rows.schema.equals(target) else rows.cast(target)


def _wider(current: "pa.DataType", incoming: "pa.DataType") -> "pa.DataType | None":
    """The type that holds both; None if that would change the meaning."""
    import pyarrow as pa
    from pyarrow import types

    for first, second in ((current, incoming), (incoming, current)):
        if types.is_null(first):
            return second
        if types.is_integer(first) and types.is_integer(second):
            return pa.int64()
        if types.is_integer(first) and types.is_decimal(second):
            return pa.decimal128(38, 14)
        if types.is_date(first) and types.is_timestamp(second):
            return pa.timestamp("us", "UTC")
    if types.is_decimal(current) and types.is_decimal(incoming):
        return pa.decimal128(38, 14)
    if types.is_timestamp(current) and types.is_timestamp(incoming):
        return pa.timestamp("us", "UTC")
    if _is_text(current) and _is_text(incoming):
        return pa.string()
    return None


def _is_text(arrow_type: "pa.DataType") -> bool:
    from pyarrow import types

    return bool(types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_dictionary(arrow_type))


def _refusal(table: str, column: str, current: "pa.DataType", incoming: "pa.DataType") -> SettingsError:
    return SettingsError(
        f"{table}.{column} holds {_called(current)} and the company now sends {_called(incoming)}",
        fix=f"leave the field out with `select`, or rename the column {column} and run again with `full = true`",
        setting="select",
    )


def _called(arrow_type: "pa.DataType") -> str:
    from pyarrow import types

    if types.is_decimal(arrow_type):
        return "decimal numbers"
    if types.is_integer(arrow_type):
        return "whole numbers"
    if _is_text(arrow_type):
        return "text"
    if types.is_date(arrow_type):
        return "dates"
    if types.is_timestamp(arrow_type):
        return "times"
    return "true or false" if types.is_boolean(arrow_type) else str(arrow_type)
