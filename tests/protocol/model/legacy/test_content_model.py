"""Content models: children in order pass, an unexpected one is named with what was expected."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.model.legacy.content_model import compile_model, names_in, parse_model

ALPHABET = "abcd"


@st.composite
def models(draw: st.DrawFn, depth: int = 2) -> tuple[str, str]:
    """A model, and the regular expression over one-letter names that means the same."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        mark = draw(st.sampled_from(["", "?", "*"]))
        if depth and draw(st.booleans()):
            alternatives = draw(st.lists(models(depth - 1), min_size=1, max_size=2))
            parts.append(
                (
                    f"({'|'.join(m for m, _ in alternatives)}){mark}",
                    f"(?:{'|'.join(r for _, r in alternatives)}){mark}",
                )
            )
        else:
            name = draw(st.sampled_from(ALPHABET))
            parts.append((name + mark, name + mark))
    return " ".join(m for m, _ in parts), "".join(r for _, r in parts)


@given(models(), st.lists(st.sampled_from(ALPHABET), max_size=5))
def test_it_accepts_what_a_regular_expression_accepts(pair: tuple[str, str], children: list[str]) -> None:
    model, pattern = pair
    assert (compile_model(model).check(children) is None) == bool(re.fullmatch(pattern, "".join(children)))


def test_a_message_names_what_was_expected() -> None:
    unexpected = compile_model("a b?").check(["b"])
    assert str(unexpected) == "Element 'b': This element is not expected. Expected is ( a )."


def test_marks_of_one_part_add_up() -> None:
    (part,) = parse_model("a?+").options[0]
    assert (part.name, part.optional, part.repeated) == ("a", True, True)


def test_names_are_listed_as_often_as_they_stand() -> None:
    assert names_in("a (b|a)* c?") == ("a", "b", "a", "c")


@pytest.mark.parametrize("text", ["a)", "(a b", "a | (b"])
def test_unbalanced_parentheses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"content model|parenthesis"):
        parse_model(text)
