"""Content models: the order of an element's children, and whether given children obey it.

A model is a sequence of names in which `?` means optional, `*` any number, `+` one or more, `(a b|c)` a choice, and the
name `ANY` anything at all. Matching is Glushkov's construction: every name in the model is a position; which position
may come next is known in advance, and this also tells what was expected.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_TOKEN = re.compile(r"[\w#.\-]+|[()|]|[?*+]+")
_MARKS = frozenset("?*+")


@dataclass(frozen=True, slots=True)
class ModelPart:
    """A name, or a group: alternatives, each of them a sequence of parts. A plain sequence is a group of one."""

    name: str = ""
    """Empty for a group."""
    options: tuple[tuple["ModelPart", ...], ...] = ()
    optional: bool = False
    repeated: bool = False


@lru_cache(maxsize=1024)
def parse_model(text: str) -> ModelPart:
    """A model as the group that it is. Raises ValueError on a malformed one."""
    tokens = _TOKEN.findall(text)
    group, rest = _group(tokens)
    if rest:
        raise ValueError(f"unbalanced content model: {text!r}")
    return group


def _group(tokens: list[str]) -> tuple[ModelPart, list[str]]:
    """The alternatives up to a closing parenthesis or the end, and the tokens from there."""
    option, tokens = _sequence(tokens)
    options = [option]
    while tokens and tokens[0] == "|":
        option, tokens = _sequence(tokens[1:])
        options.append(option)
    return ModelPart(options=tuple(options)), tokens


def _sequence(tokens: list[str]) -> tuple[tuple[ModelPart, ...], list[str]]:
    parts: list[ModelPart] = []
    while tokens and tokens[0] not in ("|", ")"):
        word, *tokens = tokens
        part = ModelPart(word)
        if word == "(":
            part, tokens = _group(tokens)
            if not tokens:
                raise ValueError("a parenthesis is not closed")
            tokens = tokens[1:]
        marks: set[str] = set()
        while tokens and _MARKS.issuperset(tokens[0]):
            marks |= set(tokens[0])
            tokens = tokens[1:]
        parts.append(ModelPart(part.name, part.options, bool(marks & {"?", "*"}), bool(marks & {"*", "+"})))
    return tuple(parts), tokens


def names_in(text: str) -> tuple[str, ...]:
    """The names in a model, each as often as it stands there."""
    return tuple(token for token in _TOKEN.findall(text) if token[0] not in "()|?*+")


@dataclass(frozen=True, slots=True)
class UnexpectedElement:
    """The first child that the model does not allow; past the last child when one is missing at the end."""

    index: int
    name: str
    expected: tuple[str, ...]

    def __str__(self) -> str:
        sentence = (
            f"Expected is ( {self.expected[0]} )."
            if len(self.expected) == 1
            else f"Expected is one of ( {', '.join(self.expected)} )."
        )
        if not self.expected:
            return f"Element '{self.name}': This element is not expected."
        return f"Element '{self.name}': This element is not expected. {sentence}" if self.name else sentence


@dataclass(slots=True)
class _Span:
    """A compiled part: whether it may be empty, and its first and last positions."""

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

    def check(self, children: Sequence[str]) -> UnexpectedElement | None:
        """The first child out of place, or missing at the end (its name is then empty); None when all is well."""
        allowed: Iterable[int] = self.first
        done = self.nullable
        for index, child in enumerate(children):
            here = [position for position in allowed if self.names[position] == child]
            if not here:
                return UnexpectedElement(index, child, self._named(allowed))
            done = any(position in self.last for position in here)
            allowed = sorted({after for position in here for after in self.follow[position]})
        return None if done else UnexpectedElement(len(children), "", self._named(allowed))

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
        visited: set[int] = set()
        waiting = [position for position in self.first if self.names[position] != name]
        while waiting:
            position = waiting.pop()
            if position in self.last:
                return True
            visited.add(position)
            waiting += [after for after in self.follow[position] if after not in visited and self.names[after] != name]
        return False

    def _named(self, positions: Iterable[int]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.names[position] for position in positions))


@dataclass(slots=True)
class _Compiler:
    """Numbers the names of a model and collects which may follow which."""

    names: list[str] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)

    def group(self, part: ModelPart) -> _Span:
        spans = [self._sequence(option) for option in part.options]
        if len(spans) == 1:
            return spans[0]
        return _Span(
            any(span.nullable for span in spans),
            [position for span in spans for position in span.first],
            [position for span in spans for position in span.last],
        )

    def _sequence(self, parts: Sequence[ModelPart]) -> _Span:
        done = _Span(True, [], [])
        for part in parts:
            span = self._item(part)
            for position in done.last:
                self.follow[position].update(span.first)
            done = _Span(
                done.nullable and span.nullable,
                done.first + span.first if done.nullable else done.first,
                done.last + span.last if span.nullable else span.last,
            )
        return done

    def _item(self, part: ModelPart) -> _Span:
        span = self.group(part) if part.options else self._position(part.name)
        if part.repeated:
            for position in span.last:
                self.follow[position].update(span.first)
        return _Span(span.nullable or part.optional, span.first, span.last)

    def _position(self, name: str) -> _Span:
        self.names.append(name)
        self.follow.append(set())
        return _Span(False, [len(self.names) - 1], [len(self.names) - 1])


@lru_cache(maxsize=512)
def compile_model(text: str) -> Model:
    """A content model from its notation. Raises ValueError on a malformed one."""
    compiler = _Compiler()
    span = compiler.group(parse_model(text))
    return Model(
        tuple(compiler.names),
        tuple(span.first),
        tuple(frozenset(after) for after in compiler.follow),
        frozenset(span.last),
        span.nullable,
    )
