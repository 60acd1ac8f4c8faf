"""A value that came from a secret: each of its forms is `***` until the place that needs it unwraps it.

It is no kind of text, because code in C reads the characters of a subclass of `str` and not what it shows.
"""

from typing import Any

from intacct_protocol.model.masking import MASK


class Secret:
    """A text that no message, log or document shows by mistake."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def unwrap(self) -> str:
        """The text itself, for the place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __format__(self, _: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._text))


def unwrapped(value: Any) -> Any:
    """The text of a secret; any other value as it is."""
    return value.unwrap() if isinstance(value, Secret) else value
