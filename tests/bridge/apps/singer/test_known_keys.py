"""The keys of a consumer's rows in the state: exact through any changes, small, and checked when they are read."""

import json
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.apps.singer.protocol.state import read_state
from intacct_bridge.extract.known_keys import KnownKeys
from intacct_protocol.errors import SettingsError

KEYS = st.lists(st.integers(0, 40_000) | st.integers(0, 2**40), max_size=30)
MUCH = 1_000_000


@given(st.lists(st.tuples(st.booleans(), KEYS), max_size=6), st.booleans())
def test_the_rows_of_each_key_are_kept_through_any_changes(
    changes: Sequence[tuple[bool, list[int]]],
    counted: bool,
) -> None:
    keys, model = KnownKeys(7), Counter[int]()
    for adds, some in changes:
        if adds:
            keys.add(some, counted=counted)
            model = model + Counter(some) if counted else Counter(model.keys() | set(some))
        else:
            keys.remove(some)
            model = Counter({key: rows for key, rows in model.items() if key not in some})
        document = keys.document(MUCH)
        keys = KnownKeys.from_document(json.loads(json.dumps(document)))
    assert dict(keys) == dict(model)
    assert (keys.count(), keys.highest()) == (model.total(), max(model, default=None))


def test_a_hundred_thousand_keys_take_a_few_kilobytes() -> None:
    keys = KnownKeys(1)
    keys.add(range(1, 100_001), counted=False)
    assert len(json.dumps(keys.document(MUCH))) < 1500
    keys.remove(range(1, 100_001, 7))
    assert len(json.dumps(keys.document(MUCH))) < 20_000
    assert keys.document(1) is None


@pytest.mark.parametrize(
    "kept",
    [
        {"version": 1},
        {"blocks": {}},
        {"version": 1, "blocks": {"x": ""}},
        {"version": 1, "blocks": {"0": "not base64!"}},
        {"version": 1, "blocks": {"0": "AAAA"}},
        {"version": 1, "blocks": []},
        [],
    ],
)
def test_damaged_keys_are_an_error_and_not_fewer_keys(kept: object) -> None:
    with pytest.raises(SettingsError, match="the stored state is damaged"):
        read_state({"bookmarks": {}, "company": "c", "known_keys": {"GLBATCH": kept}})
