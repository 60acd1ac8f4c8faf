"""What any value of the JSON interface may be: bounds on depth, on lengths, on numbers, and no control characters.

The bounds of one field, such as the hours of a link, stand in its type.
"""

from collections.abc import Mapping
from typing import Any

from intacct_bridge.apps.fleet_site.problems import BodyError
from intacct_protocol.errors import SettingsError

LONGEST_TEXT, LONGEST_NAME, LONGEST_PARAMETER = 10_000, 200, 200
_DEEPEST = 10
_LARGEST = 10**15
_LINES = frozenset("\n\r\t")
"""A statement in SQL, and a secret such as a key in PEM, may have lines."""


def check_body(value: Any, where: str = "", *, depth: int = 0) -> None:
    """BodyError names the field that is too deep, too long, too large, or has a control character."""
    if depth > _DEEPEST:
        raise _refused(where, "is nested too deeply", f"Nest at most {_DEEPEST} objects and lists.")
    if isinstance(value, Mapping):
        for name, part in value.items():
            place = f"{where}.{name[:LONGEST_NAME]}" if where else name[:LONGEST_NAME]
            if len(name) > LONGEST_NAME:
                raise _refused(where, "has a name that is too long", f"Use at most {LONGEST_NAME} characters.")
            if not name.isprintable():
                raise _refused(where, f"has a name with a control character: {name!r}", "Remove it.")
            check_body(part, place, depth=depth + 1)
    elif isinstance(value, list):
        for part in value:
            check_body(part, where, depth=depth + 1)
    elif isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise _refused(where, f"has {len(value):,} characters", f"Use at most {LONGEST_TEXT:,}.")
        if _has_control_character(value):
            raise _refused(where, "has a control character", "Remove it.")
    elif isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
        raise _refused(where, "is out of range", f"Use a number from {-_LARGEST:,} to {_LARGEST:,}.")


def check_parameter(name: str, value: str) -> None:
    """SettingsError for a part of an address that is too long or has a control character."""
    if len(value) > LONGEST_PARAMETER or not value.isprintable():
        raise SettingsError(
            f"{name} is too long, or has a control character.",
            fix=f"Use at most {LONGEST_PARAMETER} characters.",
            setting=name,
        )


def _has_control_character(text: str) -> bool:
    return any((letter < " " and letter not in _LINES) or "\x7f" <= letter <= "\x9f" for letter in text)


def _refused(where: str, problem: str, fix: str) -> BodyError:
    return BodyError(f"The body is refused. {where or 'It'} {problem}.", fix=fix, setting=where)
