"""TOML tables as dataclasses: a key is a field, a list of tables a tuple. An error names table, key, value and fix.

A field's metadata may say `table`, the key that TOML uses instead of the field's name (`[[entity]]` for `entities`), or
`inline`, for a dataclass whose keys stand in the same table. Numbers with a fraction arrive as Decimal (see
`read_toml`), so that rates and amounts stay exact.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean

_T = TypeVar("_T")
_NAMES = ("id", "name", "symbol", "number", "code", "object", "user_id", "company_id")
"""Keys that name an entry of a list in messages; the first that it has."""


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def check_fields(settings: Any, where: str) -> None:
    """Check the choices and the plain values of a frozen dataclass that a program made; tables are checked as read.

    Raises SettingsError for a value that is no choice, a number below zero, or a value of another type.
    """
    for name, hint in _hints(settings.__class__).items():
        value, key = getattr(settings, name), f"{where}.{name}"
        if get_origin(hint) is Literal:
            _one_of(get_args(hint), value, key)
        elif hint in (str, int, float, bool) and _plain(hint, value) is None:
            raise SettingsError(f"{key} cannot be {shown(value)}", fix=_fix(hint, value, name))
        elif hint in (int, float) and not value >= 0:
            raise SettingsError(f"{key} cannot be {value:g}", fix=f"give a number from 0: {name} = {_example(hint)}")


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
        raise SettingsError(f"{where} must be a table, not {shown(entry)}", fix=f"write {key} = {{ ... }}")
    names = table_names(kind)
    for name in entry:
        if name not in names and all(name != one.name for one in names.values()):
            raise SettingsError(
                f"{where}: unknown setting {name}{did_you_mean(name, names)}",
                fix=f"settings: {', '.join(sorted(names))}",
            )
    return _filled(kind, entry, where, base)


def _filled(kind: type[_T], entry: Mapping[str, Any], where: str, base: Any = None) -> _T:
    hints, values = get_type_hints(kind), {}
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
            raise SettingsError(f"{where} needs {name}", fix=f"add {name} = {_example(hints[declared.name])}")
    return kind(**values)


def shown(value: Any) -> str:
    """A value as messages show it: as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (Decimal, date)) else repr(value)


def typed(hint: Any, value: Any, where: str) -> Any:
    """One value of a table that has no dataclass of its own."""
    return _value(hint, value, where, where.rpartition(".")[2])


def _value(hint: Any, value: Any, where: str, name: str) -> Any:
    """The value as its hint has it; `where` ends with the key."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
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


def _several(hint: Any, value: Any, where: str, name: str) -> tuple[Any, ...]:
    if is_dataclass(hint) and isinstance(value, dict):
        value = [value]
    if not isinstance(value, (list, tuple)):
        raise SettingsError(f"{where} cannot be {shown(value)}", fix=f"give a list: {name} = [{_example(hint)}]")
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
    return value if isinstance(value, hint) else None


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
    return f"give {kind}: {name} = {example}"


def _example(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return f'"{get_args(hint)[0]}"'
    return _KINDS.get(hint, ("", "{ ... }"))[1]
