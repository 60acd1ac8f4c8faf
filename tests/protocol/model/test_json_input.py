"""A key that a JSON object has twice is found, and none where no object has one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.json_input import refuse_repeated_keys

KEYS = st.sampled_from(["a", "b", '"', '":', '" :', "é", "e\u0301", "c\\"])
VALUES = st.recursive(
    st.none() | st.integers() | KEYS,
    lambda parts: st.lists(parts, max_size=3) | st.lists(st.tuples(KEYS, parts), max_size=3).map(tuple),
    max_leaves=8,
)
SPACES = st.sampled_from(["", " ", "\n", " \t"])


def text_of(value: Any, space: str, ascii_only: bool) -> str:
    """JSON in which a tuple of pairs is an object, with its keys as they are."""
    if isinstance(value, tuple):
        pairs = (
            f"{json.dumps(key, ensure_ascii=ascii_only)}{space}:{text_of(one, space, ascii_only)}" for key, one in value
        )
        return "{" + f"{space},".join(pairs) + "}"
    if isinstance(value, list):
        return f"[{','.join(text_of(one, space, ascii_only) for one in value)}]"
    return json.dumps(value, ensure_ascii=ascii_only)


def repeats(value: Any) -> bool:
    if isinstance(value, tuple):
        names = [key.replace("e\u0301", "é") for key, _ in value]
        return len(set(names)) < len(names) or any(repeats(one) for _, one in value)
    return isinstance(value, list) and any(map(repeats, value))


@given(VALUES, SPACES, st.booleans())
def test_a_key_is_refused_if_an_object_has_it_twice(value: Any, space: str, ascii_only: bool) -> None:
    text = text_of(value, space, ascii_only).encode()
    if repeats(value):
        with pytest.raises(SettingsError, match=r"here has the key .* twice"):
            refuse_repeated_keys(text, json.loads(text), "here")
    else:
        refuse_repeated_keys(text, json.loads(text), "here")
