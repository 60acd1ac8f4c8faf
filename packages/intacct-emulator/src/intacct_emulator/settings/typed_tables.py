"""TOML tables as dataclasses: a key is a field, a list of tables a tuple. An error names table, key, value and fix.

A field's metadata may say `table`, the key that TOML uses instead of the field's name (`[[entity]]` for `entities`), or
`inline`, for a dataclass whose keys stand in the same table. Numbers with a fraction arrive as Decimal (see
`read_toml`), so that rates and amounts stay exact. `Annotated[int, Meta(ge=1)]` bounds a number, a text or a list.

The control API reads its JSON here too, within `json_notation`: days and times are then texts in ISO format.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import Meta

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean

_T = TypeVar("_T")
_NAMES = ("id", "name", "symbol", "number", "code", "object", "user_id", "company_id")
"""Keys that name an entry of a list in messages; the first that it has."""


_JSON: ContextVar[bool] = ContextVar("json_notation", default=False)
_MOST_DIGITS = 30
"""Of a whole number that JSON writes with a fraction or an exponent."""
NotNegative = Annotated[float, Meta(ge=0)]
Natural = Annotated[int, Meta(ge=0)]
HttpStatus = Annotated[int, Meta(ge=200, le=599)]


@dataclass(frozen=True, slots=True)
class TableOf:
    """Marks a table that is checked as one of a dataclass and stays a table, for code that merges it with another."""

    kind: type[Any]


@contextmanager
def json_notation() -> Iterator[None]:
    """Read tables as JSON writes them, and show values and fixes so."""
    token = _JSON.set(True)
    try:
        yield
    finally:
        _JSON.reset(token)


def hints_of(kind: Any) -> dict[str, Any]:
    """The type of each field of a dataclass, with its bounds."""
    return _hints(kind)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def check_fields(settings: Any, where: str) -> None:
    """Check the choices, bounds and plain values of a frozen dataclass that a program made; tables are checked as read.

    Raises SettingsError.
    """
    for name, hint in hints_of(settings.__class__).items():
        value, key = getattr(settings, name), f"{where}.{name}"
        plain, bounds = without_bounds(hint)
        if get_origin(plain) is Literal:
            _one_of(get_args(plain), value, key)
        elif plain in (str, int, float, bool) and _plain(plain, value) is None:
            raise SettingsError(f"{key} cannot be {shown(value)}", fix=_fix(plain, value, name))
        _check_bounds(bounds, value, key, name)


def without_bounds(hint: Any) -> tuple[Any, Meta]:
    """A type, and its bounds."""
    if get_origin(hint) is not Annotated:
        return hint, Meta()
    return get_args(hint)[0], next((each for each in get_args(hint)[1:] if isinstance(each, Meta)), Meta())


def _check_bounds(bounds: Meta, value: Any, where: str, name: str) -> None:
    """Refuse a value out of its bounds. Raises SettingsError."""
    if isinstance(value, (int, float, Decimal)):
        low, high = bounds.ge, bounds.le
        if (low is None or value >= low) and (high is None or value <= high):
            return
        limits = " ".join(f"{word} {limit:g}" for word, limit in (("from", low), ("to", high)) if limit is not None)
        example = next(limit for limit in (high, low, 1) if limit is not None)
        fix = f"give a number {limits}: {_pair(name, f'{example or 1:g}')}"
        raise SettingsError(f"{where} cannot be {value:g}", fix=fix)
    if isinstance(value, (str, tuple, Mapping)):
        if bounds.pattern is not None and not re.search(bounds.pattern, str(value)):
            rule = bounds.description or f"give text like {bounds.pattern}"
            raise SettingsError(f"{where} cannot be {shown(value)}", fix=rule)
        if bounds.min_length is not None and len(value) < bounds.min_length:
            raise SettingsError(f"{where} is empty", fix=f"give {_KINDS[str][0] if isinstance(value, str) else 'some'}")
        if bounds.max_length is not None and len(value) > bounds.max_length:
            raise SettingsError(f"{where} has {len(value):,} entries", fix=f"give at most {bounds.max_length:,}")


def read_toml(path: str | Path, what: str) -> dict[str, Any]:
    """The content of a TOML file. Raises SettingsError."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the {what} {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the {what} {path} is not TOML: {error}") from None


def table_names(kind: type[Any]) -> dict[str, Field[Any]]:
    """By the key that TOML uses, each field of a dataclass and of its inline dataclasses."""
    names: dict[str, Field[Any]] = {}
    hints = get_type_hints(kind)
    for declared in fields(kind):
        if declared.metadata.get("inline"):
            names |= table_names(hints[declared.name])
        else:
            names[declared.metadata.get("table", declared.name)] = declared
    return names


def built(kind: type[_T], entry: Any, where: str, base: _T | None = None) -> _T:
    """A dataclass from a table, or `base` with the keys of the table changed.

    Raises SettingsError with the table, the key, the value and the fix.
    """
    if not isinstance(entry, dict):
        key = where.rpartition(".")[2] if "." in where.rpartition(" ")[2] else "table"
        raise SettingsError(f"{where} must be a table, not {shown(entry)}", fix=f"write {_pair(key, '{ ... }')}")
    names = table_names(kind)
    for name in entry:
        if name not in names and all(name != one.name for one in names.values()):
            raise SettingsError(
                f"{where}: unknown setting {name}{did_you_mean(name, names)}",
                fix=f"settings: {', '.join(sorted(names))}",
            )
    return _filled(kind, entry, where, base)


def _filled(kind: type[_T], entry: Mapping[str, Any], where: str, base: Any = None) -> _T:
    hints, values = hints_of(kind), {}
    for declared in fields(kind):  # type: ignore[arg-type]  # every caller gives a dataclass
        name = declared.metadata.get("table", declared.name)
        key = next((each for each in (name, declared.name) if each in entry), None)
        if declared.metadata.get("inline"):
            values[declared.name] = _filled(hints[declared.name], entry, where, getattr(base, declared.name, None))
        elif key is not None and not declared.repr and not isinstance(entry[key], str):
            raise SettingsError(f"{where}.{key} must be text in quotes")  # it is a secret, which no message shows
        elif key is not None:
            values[declared.name] = _value(hints[declared.name], entry[key], f"{where}.{key}", key)
        elif base is not None:
            values[declared.name] = getattr(base, declared.name)
        elif declared.default is MISSING and declared.default_factory is MISSING:
            raise SettingsError(f"{where} needs {name}", fix=f"add {_pair(name, _example(hints[declared.name]))}")
    return kind(**values)


def shown(value: Any) -> str:
    """A value as messages show it: as TOML writes it, or JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    return str(value) if isinstance(value, (Decimal, date)) else repr(value)


def typed(hint: Any, value: Any, where: str) -> Any:
    """One value of a table that has no dataclass of its own."""
    return _value(hint, value, where, where.rpartition(".")[2])


def _value(hint: Any, value: Any, where: str, name: str) -> Any:
    """The value as its hint has it; `where` ends with the key."""
    if get_origin(hint) is Annotated:
        return _marked(hint, value, where, name)
    if get_origin(hint) in (Union, UnionType):
        return _in_union(get_args(hint), value, where, name)
    if is_dataclass(hint):
        return built(hint, value, where)  # type: ignore[arg-type]  # a dataclass type, not an instance
    if get_origin(hint) is tuple:
        return _several(get_args(hint)[0], value, where, name)
    if get_origin(hint) in (dict, Mapping):
        if isinstance(value, dict):
            return {key: _value(get_args(hint)[1], one, f"{where}.{key}", key) for key, one in value.items()}
    elif get_origin(hint) is Literal:
        return _one_of(get_args(hint), value, where)
    elif isinstance(hint, type) and issubclass(hint, Enum):
        return hint(_one_of([one.value for one in hint], value, where))
    elif hint is Any:
        return value
    else:
        plain = _plain(hint, value)
        if plain is not None:
            return plain
    raise SettingsError(f"{where} cannot be {shown(value)}", fix=_fix(hint, value, name))


def _marked(hint: Any, value: Any, where: str, name: str) -> Any:
    """The value of a type with bounds, or the table that another one is checked as."""
    kind, *marks = get_args(hint)
    for mark in marks:
        if isinstance(mark, TableOf):
            built(mark.kind, value, where)
            return value
    bounded = _value(kind, value, where, name)
    _check_bounds(without_bounds(hint)[1], bounded, where, name)
    return bounded


def _in_union(hints: tuple[Any, ...], value: Any, where: str, name: str) -> Any:
    """The value as the first of several types that it fits."""
    kinds = [hint for hint in hints if hint is not type(None)]
    if value is None and len(kinds) < len(hints):
        return None
    for hint in kinds[1:] and kinds:
        plain = _plain(hint, value)
        if plain is not None:
            return plain
    return _value(kinds[0], value, where, name)


def _several(hint: Any, value: Any, where: str, name: str) -> tuple[Any, ...]:
    if is_dataclass(hint) and isinstance(value, dict) and not _JSON.get():
        value = [value]
    if not isinstance(value, (list, tuple)):
        raise SettingsError(
            f"{where} cannot be {shown(value)}", fix=f"give a list: {_pair(name, f'[{_example(hint)}]')}"
        )
    value = list(value)
    return tuple(_value(hint, one, f"{where}{place}", name) for place, one in zip(places(value), value, strict=True))


def places(entries: list[Any]) -> Iterator[str]:
    """The place of each entry of a list, and its name if it has one: ` 2 (CDJ)`."""
    for place, entry in enumerate(entries, 1):
        named = next((entry[key] for key in _NAMES if key in entry), "") if isinstance(entry, dict) else ""
        yield f" {place} ({named})" if named else f" {place}"


def _one_of(values: Any, value: Any, where: str) -> Any:
    if value in values and not isinstance(value, bool):
        return value
    near = did_you_mean(value, values) if isinstance(value, str) else ""
    raise SettingsError(f"{where} cannot be {shown(value)}{near}", fix=f"choose one of: {', '.join(map(str, values))}")


def _plain(hint: Any, value: Any) -> Any:
    """A plain value of the type that the hint wants; None if it is none."""
    if isinstance(value, bool) or hint is bool:
        return value if isinstance(value, bool) and hint is bool else None
    if hint is Decimal and isinstance(value, (int, Decimal, float)):
        return Decimal(str(value))
    if hint is float and isinstance(value, (int, Decimal, float)):
        return float(value)
    if hint is date and isinstance(value, datetime):
        return None
    if hint in (date, datetime) and isinstance(value, str) and _JSON.get():
        return _moment(hint, value)
    if hint is int and isinstance(value, Decimal) and _JSON.get():  # JSON Schema counts 2.0 as an integer
        whole = value.adjusted() < _MOST_DIGITS and value == value.to_integral_value()
        return int(value) if whole else None
    return value if isinstance(value, hint) else None


def _moment(hint: Any, text: str) -> date | datetime | None:
    """The day, or the time with its zone, that a text of JSON has; None if it has none."""
    try:
        moment: date | datetime = hint.fromisoformat(text)
    except ValueError:
        return None
    return None if isinstance(moment, datetime) and moment.tzinfo is None else moment


def _pair(name: str, example: str) -> str:
    """A key with its value, as the caller writes it."""
    return f'"{name}": {example}' if _JSON.get() else f"{name} = {example}"


_KINDS = {
    str: ("text in quotes", '"..."'),
    int: ("a whole number", "1"),
    float: ("a number", "1.5"),
    Decimal: ("a number", "1.5"),
    bool: ("true or false", "true"),
    date: ("a date", "2026-07-31"),
    datetime: ("a date and a time", "2026-07-31T12:00:00Z"),
}


def _fix(hint: Any, value: Any, name: str) -> str:
    kind, example = _KINDS.get(hint, ("a table", "{}"))
    if hint is str and isinstance(value, (int, Decimal, date)) and not isinstance(value, bool):
        example = f'"{value}"'
    if _JSON.get() and hint in (date, datetime):
        example = f'"{example}"'
    return f"give {kind}: {_pair(name, example)}"


def _example(hint: Any) -> str:
    hint = without_bounds(hint)[0]
    if get_origin(hint) is Literal:
        return f'"{get_args(hint)[0]}"'
    return _KINDS.get(hint, ("", "{ ... }"))[1]
