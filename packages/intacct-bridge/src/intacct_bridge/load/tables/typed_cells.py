"""Typed cells of Parquet and Excel as exact values.

Both formats hold binary floats, and money must not pass through one. A float becomes the shortest decimal that reads
back as the same float. One that needs more than 15 digits for that is the result of an inexact calculation, so it is
refused and not rounded.
"""

from decimal import Decimal

from intacct_bridge.load.tables.number_formats import SignedFloat
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_protocol.errors import RecordError

_SIGNIFICANT = 15


def exact(number: float) -> Decimal:
    """A float as the decimal that a person would have typed; RecordError if no such number exists.

    A whole number has no point, because account numbers may be floats too.
    """
    amount = Decimal(repr(number).removesuffix(".0"))
    if not amount.is_finite():
        raise RecordError(f"{number} is not a number", fix="give an amount")
    if len(amount.normalize().as_tuple().digits) > _SIGNIFICANT:
        raise RecordError(
            f"{number!r} is the inexact result of a calculation", fix="round it in the file, as with ROUND(…, 2)"
        )
    return amount


def typed_row(source: str, number: int, cells: dict[str, object]) -> SourceRow:
    """A row of typed cells with every float made exact, and bytes as their text, since some programs write strings so.

    What is inexact or no text is kept as it looks, with a fault of the row.
    """
    unreadable: dict[str, str] = {}
    for column, value in cells.items():
        if isinstance(value, float | list | dict | bytes):
            try:
                cells[column] = _exactly(value)
            except RecordError as error:
                cells[column] = repr(value)
                unreadable[column] = f"column {column!r}: {error.message}; {error.fix}"
    return SourceRow(source, number, cells, next(iter(unreadable.values()), ""), unreadable=unreadable)


def _exactly(value: object) -> object:
    """The value with every float in it exact and all bytes as text, at any depth."""
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, SignedFloat):
        return value.amount(exact(value))
    if isinstance(value, float):
        return exact(value)
    if isinstance(value, list):
        return [_exactly(one) for one in value]
    if isinstance(value, dict):
        return {name: _exactly(one) for name, one in value.items()}
    return value


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise RecordError("the cell holds bytes that are not text", fix="write it as text in UTF-8") from None
