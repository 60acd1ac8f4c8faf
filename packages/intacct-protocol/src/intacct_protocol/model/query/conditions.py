"""The common part of the two text languages for filters: tokens, error positions, and AND, OR, NOT with parentheses.

`where` is the language of the command line, `read_by_query` that of the function `readByQuery`. They differ in the
spelling of values and in their comparisons, so each has its own tokens and its own reading of one comparison.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.query import Filter, Op, all_of, any_of, negated
from intacct_protocol.xml.values import Value

MAX_NESTING = 100

COMPARISONS = {
    "=": Op.EQUALTO,
    "!=": Op.NOTEQUALTO,
    "<>": Op.NOTEQUALTO,
    "<": Op.LESSTHAN,
    "<=": Op.LESSTHANOREQUALTO,
    ">": Op.GREATERTHAN,
    ">=": Op.GREATERTHANOREQUALTO,
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text and its position; kind is the name of the pattern that matched."""

    kind: str
    text: str
    start: int
    value: Value = None

    @property
    def word(self) -> str:
        """The text in lower case if it is a word, else empty."""
        return self.text.lower() if self.kind == "word" else ""


END = "end"


class Cursor:
    """Walks over the tokens of one text and points errors at them."""

    def __init__(self, text: str, what: str = "filter") -> None:
        self._text = text
        self._what = what
        self._tokens: list[Token] = []
        self._at = 0
        self.depth = 0

    def fill(self, patterns: re.Pattern[str], read: Callable[["Cursor", Token], Value]) -> None:
        """Cut the text into tokens; a match of the pattern named `space` is dropped, `read` gives values."""
        position = 0
        while position < len(self._text):
            match = patterns.match(self._text, position)
            if match is None or match.lastgroup is None:
                sign = Token("?", self._text[position], position)
                raise self.error(sign, f"unexpected {sign.text!r}", "put text in quotes, such as 'D%'")
            if match.lastgroup != "space":
                token = Token(match.lastgroup, match.group(), position)
                self._tokens.append(Token(token.kind, token.text, position, read(self, token)))
            position = match.end()
        self._tokens.append(Token(END, "", len(self._text)))

    @property
    def next(self) -> Token:
        """The token ahead; one of kind `end` after the last."""
        return self._tokens[self._at]

    def after(self, steps: int = 1) -> Token:
        """A token further ahead."""
        return self._tokens[min(self._at + steps, len(self._tokens) - 1)]

    def first(self, word: str) -> Token:
        """The first token that is this word, at any position."""
        return next(token for token in self._tokens if token.word == word)

    def take(self) -> Token:
        """The token ahead, stepping over it."""
        token = self.next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def accept(self, *words: str) -> bool:
        """Step over these words or signs if all of them are ahead, in this order."""
        for step, word in enumerate(words):
            token = self.after(step)
            if word not in (token.word, token.text if token.kind == "sign" else None):
                return False
        self._at += len(words)
        return True

    def expect(self, word: str, because: str) -> None:
        """Step over this word or sign, or fail."""
        if not self.accept(word):
            raise self.error(self.next, f"expected {word} {because}, found {token_text(self.next)}")

    def error(self, token: Token, message: str, hint: str = "") -> InvalidRequestError:
        """The error to raise: the message with the token underlined."""
        marks = " " * token.start + "^" * max(len(token.text), 1)
        line = re.sub(r"\s", " ", self._text)
        return InvalidRequestError(
            f"the {self._what} cannot be read at column {token.start + 1}: {message}\n    {line}\n    {marks}", fix=hint
        )


def token_text(token: Token) -> str:
    """A token's name in error messages."""
    return "the end" if token.kind == END else token.text


def whole(cursor: Cursor, comparison: Callable[[Cursor], Filter]) -> Filter:
    """Read conditions up to the end of the text; NOT binds closest, then AND, then OR."""
    node = _either(cursor, comparison)
    if cursor.next.kind != END:
        hint = {"&&": "write and", "||": "write or", ")": "the ( for it is missing"}.get(cursor.next.text, "")
        raise cursor.error(cursor.next, f"expected and, or, or the end, found {token_text(cursor.next)}", hint)
    return node


def _either(cursor: Cursor, comparison: Callable[[Cursor], Filter]) -> Filter:
    parts = [_conjunction(cursor, comparison)]
    while cursor.accept("or"):
        parts.append(_conjunction(cursor, comparison))
    return any_of(parts)


def _conjunction(cursor: Cursor, comparison: Callable[[Cursor], Filter]) -> Filter:
    parts = [_single(cursor, comparison)]
    while cursor.accept("and"):
        parts.append(_single(cursor, comparison))
    return all_of(parts)


def _single(cursor: Cursor, comparison: Callable[[Cursor], Filter]) -> Filter:
    opening = cursor.next
    if cursor.accept("not"):
        with_not = _nested(cursor, lambda: _single(cursor, comparison), opening)
        return negated(with_not)
    if cursor.accept("("):
        node = _nested(cursor, lambda: _either(cursor, comparison), opening)
        cursor.expect(")", f"for the ( at column {opening.start + 1}")
        return node
    return comparison(cursor)


def _nested(cursor: Cursor, read: Callable[[], Filter], opening: Token) -> Filter:
    cursor.depth += 1
    if cursor.depth > MAX_NESTING:
        raise cursor.error(opening, f"conditions nest deeper than {MAX_NESTING}")
    node = read()
    cursor.depth -= 1
    return node
