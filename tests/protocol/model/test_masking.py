"""Texts without secrets: long ones are masked anywhere, short ones as whole words."""

import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.model.masking import MASK, without_secrets


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("the administration of the demo", "demo", "the administration of the demo"),
        ("demonstration: demo-sender, demo_user, demo.", "demo", "demonstration: demo-sender, ***_user, demo."),
        ("a password 'a', and \u201ca\u201d", "a", "a password '***', and \u201c***\u201d"),
        ("1 of 11 rows in 1.5 seconds", "1", "1 of 11 rows in 1.5 seconds"),
        (r"first line\ndemo\tdemo\u0027demo\x27demo", "demo", r"first line\n***\t***\u0027***\x27***"),
        ("user%3Ddemo%20demo&x=demo", "demo", "user%3D***%20***&x=***"),
        ("<password>demo</password>", "demo", "<password>***</password>"),
        ("müdemo, demoü, ü demo", "demo", "müdemo, demoü, ü demo"),
        ("x-abc-x and x-abcd", "-abc", "x***-x and x-abcd"),
        ("xlong-passwordx", "long-password", "x***x"),
        ("secret and secretary-of-all", "secret", "secret and secretary-of-all"),
        ("", "demo", ""),
        ("nothing", "", "nothing"),
    ],
)
def test_a_short_secret_is_masked_as_a_word_and_a_long_one_anywhere(text: str, secret: str, shown: str) -> None:
    assert without_secrets(text, [secret]) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Intacct refused the sign-in; it does not say which part is wrong.", None),
        ("the wrong: part, wrong!", None),
        (
            "'wrong' \u201cWrong\u201d <p>WRONG</p> x=wrong /wrong/ :wrong@",
            "'***' \u201c***\u201d <p>***</p> x=*** /***/ :***@",
        ),
        ("wrong", "***"),
    ],
)
def test_a_password_that_is_a_word_of_english_is_masked_beside_a_sign_and_not_in_prose(
    text: str, shown: str | None
) -> None:
    assert without_secrets(text, ["wrong"]) == (shown or text)


KINDS = (
    *("Hunter2-Password", "p@ss'w\"ord", "a&b<c>d;e", "100%-sure+?", "line\none\ttab", "back\\slash\\n", "sp  ace d"),
    *("gr\u00f6\u00dfe\u00e9-\u6f22", "A1b", "7391", "${HOME}`id`", "{braces}:[x]", "postgresql://u:p%40ss@host/db"),
)
"""Secrets of 13 kinds."""
WRITTEN: dict[str, Callable[[str], str]] = {
    "itself": str,
    "capitals": str.upper,
    "small letters": str.lower,
    "repr": repr,
    "repr of a repr": lambda text: repr(Exception(repr(text))),
    "JSON": json.dumps,
    "JSON of a repr": lambda text: json.dumps({"error": repr(text)}),
    "JSON with letters": lambda text: json.dumps(text, ensure_ascii=False),
    "XML": lambda text: f"<a>{html.escape(text)}</a>",
    "XML of capitals": lambda text: html.escape(text.upper()),
    "URL": lambda text: f"?to={quote(text, safe='')}",
    "form": lambda text: f"to={quote_plus(text)}&x",
    "SQL": lambda text: "'" + text.replace("'", "''") + "'",
    "one line": lambda text: '"' + " ".join(text.split()) + '"',
}


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("secret", KINDS)
def test_a_secret_is_masked_in_any_case_and_escape(secret: str, written: str) -> None:
    text = f"the run failed: '{WRITTEN[written](secret)}' is not known"
    shown = without_secrets(text, [secret])
    assert MASK in shown
    for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], html.escape(secret), quote(secret, safe="")):
        assert form.casefold() not in shown.casefold()


def test_no_part_of_a_longer_secret_is_left() -> None:
    assert without_secrets("pa55 pa55-word-1", ["pa55", "pa55-word-1"]) == "*** ***"


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=30).filter(
    lambda text: text not in MASK
)
AROUND = st.text(st.sampled_from(" \t\n'\"<>&=:;,/()[]{}|?!\u201c\u201d\u2026"), min_size=1, max_size=3)


@given(SECRETS, AROUND, AROUND)
def test_a_secret_between_signs_is_never_left(secret: str, before: str, after: str) -> None:
    if secret.isalnum() and before.isspace() and after[0] in " \t\n.,;:!?)\u2026":
        return  # may be a word of prose
    for written, spelled in ((secret, before), (secret, json.dumps(before)[1:-1]), (quote(secret), quote(before))):
        text = f"x{spelled}{written}{after}x"
        assert without_secrets(text, [secret, quote(secret)]).count(MASK) >= 1
