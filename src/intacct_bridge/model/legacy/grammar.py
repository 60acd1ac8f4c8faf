"""Element order: the content models of the 3.0 schema's functions, and whether children obey them.

A model is a sequence of names in which `?` means optional, `*` repeated, and `(a b|c)` a choice. The published
schemas are strict about order for the object-specific functions, which is the commonest reason for XL03000003, so the
client arranges children by the model and the emulator refuses by it. Matching is Glushkov's construction: every name
in the model is a position; which may come next is known in advance, and also tells what was expected.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files

_TOKEN = re.compile(r"[A-Za-z_][\w.\-]*|[()|?*+]")


@dataclass(frozen=True, slots=True)
class Misplaced:
    """The first child that the model does not allow; past the last child when one is missing at the end."""

    index: int
    name: str
    expected: tuple[str, ...]

    def __str__(self) -> str:
        wanted = (
            f"Expected is ( {self.expected[0]} )."
            if len(self.expected) == 1
            else f"Expected is one of ( {', '.join(self.expected)} )."
        )
        if not self.expected:
            return f"Element '{self.name}': This element is not expected."
        return f"Element '{self.name}': This element is not expected. {wanted}" if self.name else wanted


@dataclass(slots=True)
class _Part:
    """A piece of a model: whether it may be empty, and its first and last positions."""

    nullable: bool
    first: list[int]
    last: list[int]


@dataclass(frozen=True, slots=True)
class Model:
    """A compiled content model."""

    names: tuple[str, ...]
    """The name at each position, in the model's order."""
    first: tuple[int, ...]
    follow: tuple[frozenset[int], ...]
    last: frozenset[int]
    nullable: bool

    def check(self, children: Sequence[str]) -> Misplaced | None:
        """The first child out of place, or missing at the end (its name is then empty); None when all is well."""
        allowed: Iterable[int] = self.first
        done = self.nullable
        for index, child in enumerate(children):
            here = [position for position in allowed if self.names[position] == child]
            if not here:
                return Misplaced(index, child, self._named(allowed))
            done = any(position in self.last for position in here)
            allowed = sorted({after for position in here for after in self.follow[position]})
        return None if done else Misplaced(len(children), "", self._named(allowed))

    def arrange(self, children: Iterable[str]) -> list[str]:
        """The names in the model's order; names that the model does not know come last, as they stood."""
        rank = {name: position for position, name in reversed(list(enumerate(self.names)))}
        return sorted(children, key=lambda name: rank.get(name, len(self.names)))

    @property
    def required(self) -> tuple[str, ...]:
        """The names without which no sequence of children is complete."""
        return tuple(dict.fromkeys(name for name in self.names if not self._complete_without(name)))

    def _complete_without(self, name: str) -> bool:
        if self.nullable:
            return True
        seen: set[int] = set()
        waiting = [position for position in self.first if self.names[position] != name]
        while waiting:
            position = waiting.pop()
            if position in self.last:
                return True
            seen.add(position)
            waiting += [after for after in self.follow[position] if after not in seen and self.names[after] != name]
        return False

    def _named(self, positions: Iterable[int]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.names[position] for position in positions))


@dataclass(slots=True)
class _Compiler:
    tokens: list[str]
    at: int = 0
    names: list[str] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)

    def choice(self) -> _Part:
        parts = [self.sequence()]
        while self._take("|"):
            parts.append(self.sequence())
        if len(parts) == 1:
            return parts[0]
        return _Part(
            any(part.nullable for part in parts),
            [position for part in parts for position in part.first],
            [position for part in parts for position in part.last],
        )

    def sequence(self) -> _Part:
        whole = _Part(True, [], [])
        while self.at < len(self.tokens) and self.tokens[self.at] not in ("|", ")"):
            part = self.item()
            for position in whole.last:
                self.follow[position].update(part.first)
            whole = _Part(
                whole.nullable and part.nullable,
                whole.first + part.first if whole.nullable else whole.first,
                whole.last + part.last if part.nullable else part.last,
            )
        return whole

    def item(self) -> _Part:
        if self._take("("):
            part = self.choice()
            if not self._take(")"):
                raise ValueError("a parenthesis is not closed")
        else:
            self.names.append(self.tokens[self.at])
            self.follow.append(set())
            self.at += 1
            part = _Part(False, [len(self.names) - 1], [len(self.names) - 1])
        while self.at < len(self.tokens) and self.tokens[self.at] in "?*+":
            mark = self.tokens[self.at]
            self.at += 1
            if mark in "*+":
                for position in part.last:
                    self.follow[position].update(part.first)
            if mark in "?*":
                part = _Part(True, part.first, part.last)
        return part

    def _take(self, token: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == token:
            self.at += 1
            return True
        return False


@lru_cache(maxsize=512)
def compile_model(text: str) -> Model:
    """A content model from its notation. Raises ValueError on a malformed one."""
    compiler = _Compiler(_TOKEN.findall(text))
    whole = compiler.choice()
    if compiler.at != len(compiler.tokens):
        raise ValueError(f"a content model ends in the middle: {text!r}")
    return Model(
        tuple(compiler.names),
        tuple(whole.first),
        tuple(frozenset(after) for after in compiler.follow),
        frozenset(whole.last),
        whole.nullable,
    )


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a function's element, with the values it may take, if they are listed."""

    name: str
    required: bool
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionDef:
    """One object-specific function of the 3.0 schema."""

    name: str
    model: Model
    text: str
    """The model as written."""
    attributes: tuple[Attribute, ...] = ()


def _function(name: str, facts: Mapping[str, object]) -> FunctionDef:
    text, raw, listed = str(facts["model"] or ""), facts["attrs"] or [], facts["enum"] or {}
    assert isinstance(raw, list)
    assert isinstance(listed, dict)
    attributes = []
    for one in raw:
        bare = one.lstrip("@").split("=")[0]
        key = bare.rstrip("?")
        attributes.append(Attribute(key, not bare.endswith("?"), tuple(listed.get(key, ()))))
    return FunctionDef(name, compile_model(text), text, tuple(attributes))


@lru_cache(maxsize=1)
def _facts() -> dict[str, dict[str, object]]:
    table: dict[str, dict[str, object]] = json.loads(
        files("intacct_bridge.data").joinpath("legacy_functions.json").read_text("utf-8")
    )
    return table


@lru_cache(maxsize=512)
def function_def(name: str) -> FunctionDef | None:
    """What the 3.0 schema says of a function, or None for one that it does not name."""
    facts = _facts().get(name)
    return None if facts is None else _function(name, facts)


def function_names() -> tuple[str, ...]:
    """Every function the table knows."""
    return tuple(_facts())
