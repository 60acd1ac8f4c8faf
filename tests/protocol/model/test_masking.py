"""Texts without secrets: long ones are masked anywhere, short ones as whole words."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.model.masking import MASK, without_secrets


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("the administration of the demo", "demo", "the administration of the ***"),
        ("demonstration: demo-sender, demo_user, demo.", "demo", "demonstration: ***-sender, ***_user, ***."),
        ("a password 'a', and \u201ca\u201d", "a", "*** password '***', and \u201c***\u201d"),
        ("1 of 11 rows in 1.5 seconds", "1", "*** of 11 rows in ***.5 seconds"),
        (r"first line\ndemo\tdemo\u0027demo\x27demo", "demo", r"first line\n***\t***\u0027***\x27***"),
        ("user%3Ddemo%20demo&x=demo", "demo", "user%3D***%20***&x=***"),
        ("<password>demo</password>", "demo", "<password>***</password>"),
        ("müdemo, demoü, ü demo", "demo", "müdemo, demoü, ü ***"),
        ("x-abc-x and x-abcd", "-abc", "x***-x and x-abcd"),
        ("xlong-passwordx", "long-password", "x***x"),
        ("secret and secretary-of-all", "secret", "*** and secretary-of-all"),
        ("", "demo", ""),
        ("nothing", "", "nothing"),
    ],
)
def test_a_short_secret_is_masked_as_a_word_and_a_long_one_anywhere(text: str, secret: str, shown: str) -> None:
    assert without_secrets(text, [secret]) == shown


def test_no_part_of_a_longer_secret_is_left() -> None:
    assert without_secrets("pass pass-word-1", ["pass", "pass-word-1"]) == "*** ***"


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=30).filter(
    lambda text: text not in MASK
)
AROUND = st.text(st.sampled_from(" \t\n'\"<>&=:;,/()[]{}|?!\u201c\u201d\u2026"), min_size=1, max_size=3)


@given(SECRETS, AROUND, AROUND)
def test_a_secret_between_signs_is_never_left(secret: str, before: str, after: str) -> None:
    for written, spelled in ((secret, before), (secret, json.dumps(before)[1:-1]), (quote(secret), quote(before))):
        text = f"x{spelled}{written}{after}x"
        assert without_secrets(text, [secret, quote(secret)]).count(MASK) >= 1
