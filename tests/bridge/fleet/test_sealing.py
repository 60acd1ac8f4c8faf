"""Sealed secrets: what was sealed opens, and only where it was put; keys are told apart without being shown."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.fleet.sealing import FleetKey, FleetKeys, SealedKey, seal, unseal
from intacct_protocol.errors import SettingsError

NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
KEYS = FleetKeys.of(FleetKey.new().text)


@given(NAMES, NAMES, st.text(st.characters(codec="utf-8")))
def test_a_sealed_secret_opens_to_the_same_text(owner: str, name: str, text: str) -> None:
    key, sealed_key = KEYS.new_data_key(owner)
    sealed = seal(key, owner, name, text)
    assert unseal(KEYS.opened_key(sealed_key, owner), owner, name, sealed) == text
    assert sealed != seal(key, owner, name, text)
    if len(text.encode()) > 4:
        assert text.encode() not in sealed


@given(st.data(), NAMES, NAMES, st.text(max_size=20), st.integers(1, 255))
def test_a_change_of_any_byte_is_refused(data: Any, owner: str, name: str, text: str, change: int) -> None:
    key, sealed_key = KEYS.new_data_key(owner)
    sealed = bytearray(seal(key, owner, name, text))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= change
    with pytest.raises(SettingsError, match="cannot be opened"):
        unseal(key, owner, name, bytes(sealed))
    wrapped = bytearray(sealed_key.sealed)
    wrapped[place % len(wrapped)] ^= change
    with pytest.raises(SettingsError, match="cannot be opened"):
        KEYS.opened_key(SealedKey(sealed_key.key_id, bytes(wrapped)), owner)


@given(NAMES, st.integers(0, 60))
def test_a_part_of_a_sealed_secret_is_refused(name: str, length: int) -> None:
    key, _ = KEYS.new_data_key("acme")
    sealed = seal(key, "acme", name, "a secret of thirty-two characters")
    with pytest.raises(SettingsError, match="cannot be opened"):
        unseal(key, "acme", name, sealed[:length])


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_a_secret_of_another_row_is_refused(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Even with one data key for both; and the key of another owner does not open either."""
    key, sealed_key = KEYS.new_data_key(one[0])
    sealed = seal(key, *one, "text")
    if one == other:
        assert unseal(key, *other, sealed) == "text"
        return
    with pytest.raises(SettingsError, match="cannot be opened"):
        unseal(key, *other, sealed)
    if one[0] != other[0]:
        with pytest.raises(SettingsError, match="cannot be opened"):
            KEYS.opened_key(sealed_key, other[0])


def test_a_missing_key_is_named_and_the_given_one_too() -> None:
    _, sealed = KEYS.new_data_key("acme")
    other = FleetKeys.of(FleetKey.new().text)
    with pytest.raises(SettingsError) as refused:
        other.opened_key(sealed, "acme")
    assert f"need the fleet's key {KEYS.first.id}, and the given key is {other.first.id}" in refused.value.message
    assert "lost" in refused.value.fix
    shown = f"{refused.value.message}{refused.value.fix}{KEYS!r}{sealed!r}"
    assert KEYS.first.text not in shown
    assert repr(KEYS.first.secret) not in shown


def test_several_keys_open_and_the_first_one_seals() -> None:
    old, new = FleetKey.new(), FleetKey.new()
    data_key, sealed = FleetKeys.of(old.text).new_data_key("acme")
    both = FleetKeys.of(f"{new.text}, {old.text}\n")
    assert both.opened_key(sealed, "acme") == data_key
    assert both.sealed_key(data_key, "acme").key_id == new.id


@pytest.mark.parametrize("text", ["hunter2-and-more", "ifk1_", "ifk1_c2hvcnQ", "ifk1_?", "A" * 43])
def test_what_is_no_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        FleetKeys.of(text)
    assert "intacct fleet key" in refused.value.fix
    assert text.removeprefix("ifk1_") == "" or text not in f"{refused.value.message}{refused.value.fix}"


def test_keys_come_from_a_variable_or_from_a_command() -> None:
    key = FleetKey.new()
    assert FleetKeys.from_environment({"INTACCT_FLEET_KEY": key.text}).first == key
    command = f"{sys.executable} -c \"print('{key.text}')\""
    assert FleetKeys.from_environment({"INTACCT_FLEET_KEY_COMMAND": command}).first == key
    with pytest.raises(SettingsError, match="the key of the fleet is missing"):
        FleetKeys.from_environment({})


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"{sys.executable} -c \"import sys; print('a-key'); sys.exit(3)\"", "exit status 3"),
        ("/no/such/program", "No such file"),
        ("unbalanced 'quote", "cannot be run"),
    ],
)
def test_a_command_that_fails_is_told_without_its_output(command: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        FleetKeys.from_environment({"INTACCT_FLEET_KEY_COMMAND": command})
    assert "a-key" not in refused.value.message
