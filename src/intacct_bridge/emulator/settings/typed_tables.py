"""Tables of a TOML file as frozen dataclasses: unknown names and wrong types are refused with the place."""

from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from intacct_bridge.errors import SettingsError
from intacct_bridge.model.suggestions import did_you_mean


def built(kind: type[Any], entry: Any, where: str) -> Any:
    """The dataclass with the values of a table. Raises SettingsError naming the entry."""
    if not isinstance(entry, dict):
        raise SettingsError(f"{where} must be a table")
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}
    for name in entry:
        if name not in known:
            raise SettingsError(
                f"{where}: unknown setting {name}{did_you_mean(name, known)}",
                fix=f"settings: {', '.join(sorted(known))}",
            )
    for one in known.values():
        if one.name not in entry and one.default is MISSING and one.default_factory is MISSING:
            raise SettingsError(f"{where} needs {one.name}")
    return kind(**{name: typed(hints[name], value, f"{where}.{name}") for name, value in entry.items()})


def typed(hint: Any, value: Any, where: str) -> Any:
    """A value of this type. Raises SettingsError naming the entry."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if is_dataclass(hint):
        return built(hint, value, where)  # type: ignore[arg-type]  # a dataclass type, not an instance
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(typed(get_args(hint)[0], one, where) for one in value)
    if get_origin(hint) is dict and isinstance(value, dict):
        return {name: typed(get_args(hint)[1], one, where) for name, one in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and isinstance(value, bool) == (hint is bool):
        return value
    raise SettingsError(f"{where} cannot be {value!r}")
