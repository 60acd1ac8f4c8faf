"""What a question may take, and its answer: rows up to a limit, and as of when the copy knows the company."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class QuestionLimits:
    """What one question may take."""

    rows: int = 200
    seconds: float = 30.0
    memory_mb: int = 1024


@dataclass(frozen=True, slots=True)
class CopyAnswer:
    """The rows of an answer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool
    """Whether there are more rows than the limit allows."""
    as_of: Mapping[str, str] = field(default_factory=dict)
    """By object: the copy has every change up to this time, in the company's own writing; empty if it is not known."""


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """A column of a table or view."""

    name: str
    type: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """A table of the copy, or a view of `reporting`."""

    name: str
    columns: tuple[AnswerColumn, ...]
    shows: str = ""
    parameters: str = ""
    """Of a function: its parameters, with their types and defaults."""
    as_of: str = ""
