"""Values in files of ours: JSON that holds each value with its kind, so an amount comes back as the same decimal."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

import msgspec
from msgspec import Struct

from intacct_protocol.xml.values import Value

_DECIMAL = re.compile(r"-?\d+(\.\d+)?")


class TypedValue(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A value that is neither text nor a boolean: one of these, as text."""

    decimal: str | None = None
    time: str | None = None
    date: str | None = None
    integer: str | None = None


KeptValue = str | bool | TypedValue | None
KeptFields = dict[str, KeptValue]


def kept_fields(fields: Mapping[str, Value]) -> KeptFields:
    """Fields as a file holds them."""
    return {name: _kept_value(value) for name, value in fields.items()}


def _kept_value(value: Value) -> KeptValue:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Decimal):
        return TypedValue(decimal=format(value, "f"))
    if isinstance(value, datetime):
        return TypedValue(time=value.isoformat())
    return TypedValue(date=value.isoformat()) if isinstance(value, date) else TypedValue(integer=str(value))


def fields_of(stored: KeptFields) -> dict[str, Value]:
    """The fields that a file holds. ValueError if a value does not fit the type of its field."""
    return {name: _stored_value(value) if isinstance(value, TypedValue) else value for name, value in stored.items()}


def _stored_value(stored: TypedValue) -> Value:
    if stored.decimal is not None:
        if not _DECIMAL.fullmatch(stored.decimal):  # as it was written: no NaN, no exponent
            raise ValueError("not a decimal")
        return Decimal(stored.decimal)
    if stored.time is not None:
        return datetime.fromisoformat(stored.time)
    if stored.date is not None:
        return date.fromisoformat(stored.date)
    if stored.integer is not None:
        return int(stored.integer)
    raise ValueError("a value without its kind")


def fields_text(fields: Mapping[str, Value]) -> str:
    """Fields as one text."""
    return msgspec.json.encode(kept_fields(fields)).decode()


def fields_from(text: str) -> dict[str, Value]:
    """The fields of `fields_text`."""
    return fields_of(msgspec.json.decode(text, type=KeptFields))
