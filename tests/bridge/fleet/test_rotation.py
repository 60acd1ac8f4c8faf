"""Rotation of the fleet's keys: interrupted at any step it can be repeated, and every secret opens at all times."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest

from intacct_bridge.fleet.fleet import Fleet, NewTenant
from intacct_bridge.fleet.sealing import FleetKey, FleetKeys, SealedKey
from intacct_protocol.errors import SettingsError

OLD, NEW = FleetKey.new(), FleetKey.new()
NAMES = [f"t{number}" for number in range(7)]


class Interrupted(BaseException):
    """The end of the process."""


class InterruptedKeys(FleetKeys):
    """Keys with which a process ends after some seals."""

    left = 10**9

    def sealed_key(self, data_key: bytes, owner: str) -> SealedKey:
        if InterruptedKeys.left == 0:
            raise Interrupted
        InterruptedKeys.left -= 1
        return super().sealed_key(data_key, owner)


@pytest.fixture
def uri(postgres: str) -> Iterator[str]:
    with Fleet.open(postgres, OLD.text) as fleet:
        fleet.add_all(NewTenant(name, {"company_id": name}, secrets={"user_password": f"pw-{name}"}) for name in NAMES)
        fleet.share_secrets({"sender_password": "pw-shared"})
    yield postgres


def secrets(uri: str, keys: str) -> dict[str, str]:
    with Fleet.open(uri, keys) as fleet:
        found = {name: fleet._with_secrets(name)[1] for name in NAMES}
    assert {one["sender_password"] for one in found.values()} == {"pw-shared"}
    return {name: one["user_password"] for name, one in found.items()}


def test_a_rotation_that_is_interrupted_anywhere_is_finished_by_the_next(uri: str) -> None:
    expected, both = {name: f"pw-{name}" for name in NAMES}, f"{NEW.text},{OLD.text}"
    interruptions = 0
    for steps in count():
        InterruptedKeys.left = steps
        with Fleet.open(uri, InterruptedKeys((NEW, OLD))) as fleet:
            try:
                done = fleet.rotate(batch=1)
            except Interrupted:
                interruptions += 1
                assert secrets(uri, both) == expected
                continue
        break
    assert interruptions >= 3
    assert done.key_id == NEW.id
    assert secrets(uri, NEW.text) == expected
    with Fleet.open(uri, both) as fleet:
        assert fleet.registry.key_ids() == {NEW.id: len(NAMES) + 1}
        assert fleet.rotate().resealed == 0


def test_a_rotation_that_ends_between_any_two_statements_leaves_whole_batches(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, both = {name: f"pw-{name}" for name in NAMES}, f"{NEW.text},{OLD.text}"
    for steps in count(1):
        left = steps

        with Fleet.open(uri, both) as fleet:
            run = fleet.registry._db._run

            def interrupted(sql: str, rows: Sequence[Any], run: Any = run) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Interrupted
                return run(sql, rows)

            monkeypatch.setattr(fleet.registry._db, "_run", interrupted)
            try:
                fleet.rotate(batch=2)
            except Interrupted:
                monkeypatch.undo()
                in_use = fleet.registry.key_ids()
                assert in_use.get(NEW.id, 0) % 2 == 0 or OLD.id not in in_use
                assert secrets(uri, both) == expected
                continue
        break
    assert steps > 5
    assert secrets(uri, NEW.text) == expected


def test_while_a_rotation_goes_on_both_keys_serve(uri: str) -> None:
    InterruptedKeys.left = 3
    with Fleet.open(uri, InterruptedKeys((NEW, OLD))) as fleet, pytest.raises(Interrupted):
        fleet.rotate(batch=1)
    with Fleet.open(uri, (OLD.text, NEW.text)) as fleet:
        fleet.set_secrets("t0", {"user_password": "pw-t0"})
        fleet.add("late", secrets={"user_password": "pw-late"})
    with Fleet.open(uri, (NEW.text, OLD.text)) as fleet:
        assert fleet.rotate().resealed == len(NAMES) + 2 - 3
        assert fleet._with_secrets("late")[1]["user_password"] == "pw-late"
    assert secrets(uri, NEW.text) == {name: f"pw-{name}" for name in NAMES}


def test_what_another_process_seals_at_the_last_moment_is_sealed_anew_too(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Fleet.open(uri, (NEW.text, OLD.text)) as fleet, Fleet.open(uri, (OLD.text, NEW.text)) as other:
        drop = fleet.registry.drop_keys
        late = iter(["late1", "late2"])

        def drop_later(key_id: str) -> bool:
            for name in late:
                other.add(name, secrets={"user_password": f"pw-{name}"})
                break
            return drop(key_id)

        monkeypatch.setattr(fleet.registry, "drop_keys", drop_later)
        assert fleet.rotate().resealed == len(NAMES) + 1 + 2
        assert fleet.registry.key_ids() == {NEW.id: len(NAMES) + 1 + 2}
        with pytest.raises(SettingsError, match="is not a key of this fleet"):
            other.add("late3", secrets={"user_password": "pw"})
    with Fleet.open(uri, NEW.text) as fleet:
        assert fleet._with_secrets("late2")[1]["user_password"] == "pw-late2"


def test_a_key_that_the_fleet_does_not_have_seals_nothing(uri: str) -> None:
    with Fleet.open(uri, NEW.text) as fleet:
        with pytest.raises(SettingsError, match=f"{NEW.id} is not a key of this fleet; its keys are {OLD.id}"):
            fleet.add("late", secrets={"user_password": "pw"})
        with pytest.raises(SettingsError, match=f"need the fleet's key {OLD.id}"):
            fleet.connection("t1")
    with Fleet.open(uri, OLD.text) as fleet:
        assert fleet.registry.count() == len(NAMES)


def test_an_old_key_seals_nothing_after_the_rotation(uri: str) -> None:
    with Fleet.open(uri, (NEW.text, OLD.text)) as fleet:
        fleet.rotate()
    with (
        Fleet.open(uri, (OLD.text, NEW.text)) as fleet,
        pytest.raises(SettingsError, match="is not a key of this fleet"),
    ):
        fleet.add("late", secrets={"user_password": "pw"})


def test_a_lost_key_is_told_before_anything_changes_and_can_be_given_up(uri: str) -> None:
    with Fleet.open(uri, NEW.text) as fleet:
        with pytest.raises(SettingsError, match=f"the key {OLD.id}, which seals the secrets of 8"):
            fleet.rotate()
        assert fleet.registry.key_ids() == {OLD.id: 8}
        done = fleet.rotate(give_up_lost=True)
        assert (done.resealed, len(done.given_up)) == (0, 8)
        assert fleet.registry.key_ids() == {}
        assert fleet.status_of("t0").missing == ("user_id", "user_password", "sender_id", "sender_password")
        fleet.set_secrets("t0", {"user_password": "new"})
        assert fleet._with_secrets("t0")[1] == {"user_password": "new"}


def test_a_sealed_secret_that_was_put_into_another_row_is_refused(uri: str) -> None:
    with Fleet.open(uri, OLD.text) as fleet:
        db = fleet.registry._db
        with db.transaction():
            db.execute("UPDATE secret SET sealed = (SELECT sealed FROM secret WHERE owner = 't1') WHERE owner = 't0'")
            db.execute(
                "UPDATE data_key SET sealed = (SELECT sealed FROM data_key WHERE owner = 't1') WHERE owner = 't0'"
            )
            db.execute("UPDATE secret SET sealed = (SELECT sealed FROM secret WHERE owner = 't3') WHERE owner = 't2'")
            db.execute("UPDATE secret SET name = 'sender_password' WHERE owner = 't4'")
        for name in ("t0", "t2", "t4"):
            with pytest.raises(SettingsError, match="cannot be opened"):
                fleet._with_secrets(name)[1]
        assert fleet._with_secrets("t5")[1]["user_password"] == "pw-t5"
