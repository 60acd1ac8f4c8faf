"""What the words for the state of a record mean."""

import pytest

from intacct_bridge.load.records.source_states import StateWords, lists_states
from intacct_bridge.load.records.write import SourceState
from intacct_bridge.mapping.unify import StateCell


@pytest.mark.parametrize(
    ("values", "listed"),
    [(["Draft", "Posted"], True), (["Open", "Voided"], True), (["Open", "Posted"], False), (["true", "false"], False)],
)
def test_a_field_lists_states_if_one_of_them_is_a_draft_or_void(values: list[str], listed: bool) -> None:
    assert lists_states(values) is listed


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("Draft", SourceState.DRAFT),
        ("VOIDED", SourceState.VOID),
        ("partially-paid", SourceState.LIVE),
        ("live", SourceState.LIVE),
        ("void", SourceState.VOID),
        ("On hold", SourceState.DRAFT),
        ("on_hold", SourceState.DRAFT),
        ("Paid", SourceState.VOID),
        ("Scrapped", None),
    ],
)
def test_the_words_of_a_connection_come_before_the_known_ones(word: str, meaning: SourceState | None) -> None:
    assert StateWords({"On hold": "draft", "paid": "void"}).meaning(StateCell(word, "Status")) is meaning
