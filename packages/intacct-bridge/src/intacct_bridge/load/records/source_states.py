"""The state that a record has in its source: live, a draft, or void, as the words of its source say.

Only columns that a layout or a mapping knows as a state are read. The words are data (`data/statuses.toml`), and a
connection adds its own. An unknown word is refused: a void record must not be posted because its source has
another word for that.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

import msgspec

from intacct_bridge.load.records.write import LIVE, Finding, RecordState, SourceState
from intacct_bridge.mapping.unify import StateCell
from intacct_protocol.model.text_forms import nfc


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one source."""

    source: str
    live: tuple[str, ...] = ()
    draft: tuple[str, ...] = ()
    void: tuple[str, ...] = ()


@cache
def shipped_words() -> Mapping[str, SourceState]:
    """The known words in their plain form, each with its meaning."""
    document = tomllib.loads(files("intacct_bridge.data").joinpath("statuses.toml").read_text("utf-8"))
    return {
        plain_word(word): state
        for source in msgspec.convert(document["words"], tuple[_Words, ...])
        for state in SourceState
        for word in getattr(source, state.value)
    }


def plain_word(word: str) -> str:
    """A word without case, spaces and punctuation."""
    return "".join(letter for letter in nfc(word).casefold() if letter.isalnum())


def lists_states(values: Iterable[str]) -> bool:
    """Whether a field's listed values are states of a document: one of them means a draft or void."""
    return any(shipped_words().get(plain_word(word)) in (SourceState.DRAFT, SourceState.VOID) for word in values)


class StateWords:
    """The words that count for one connection."""

    def __init__(self, further: Mapping[str, str] | None = None) -> None:
        self._further = {plain_word(word): SourceState(meaning) for word, meaning in (further or {}).items()}

    def meaning(self, cell: StateCell) -> SourceState | None:
        """What a word means; None if it is unknown."""
        plain = plain_word(cell.word)
        by_name = SourceState(plain) if plain in tuple(SourceState) else None
        meaning = self._further.get(plain) or shipped_words().get(plain) or by_name
        return meaning or (SourceState.LIVE if cell.listed else None)

    def unknown_fix(self, word: str) -> str:
        """How a word becomes known."""
        return f'say what it means in the settings of the connection: statuses."{word}" = "live", "draft" or "void"'


def read_state(
    cells: Iterable[StateCell], words: StateWords, positions: Sequence[str]
) -> tuple[RecordState, list[Finding]]:
    """The state that the cells of a record give, and what is wrong with them: void counts before draft before live."""
    by_column: dict[str, tuple[RecordState, int]] = {}
    findings: list[Finding] = []
    for cell in cells:
        meaning, shown = words.meaning(cell), cell.shown or cell.word
        position = positions[cell.row]
        if meaning is None:
            text = f"{shown!r} is not a known status"
            findings.append(Finding("status", text, words.unknown_fix(cell.word), cell.column, position))
            continue
        before, row = by_column.setdefault(cell.column, (RecordState(meaning, shown, cell.column), cell.row))
        if before.state is not meaning:
            text = f"{shown!r} contradicts {before.word!r} of {positions[row]}"
            findings.append(Finding("header", text, "make the rows agree", cell.column, position))
    return min(
        (state for state, _ in by_column.values()), key=lambda one: _ORDER.index(one.state), default=LIVE
    ), findings


_ORDER = (SourceState.VOID, SourceState.DRAFT, SourceState.LIVE)
