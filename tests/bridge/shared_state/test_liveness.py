"""Whether a loader runs, where other processes ask about it while it begins or ends."""

import os
from pathlib import Path
from typing import IO

import pytest

from intacct_bridge.machine.locks import try_lock
from intacct_bridge.shared_state import liveness
from intacct_bridge.shared_state.liveness import Liveness
from intacct_protocol.errors import SettingsError


def test_a_loader_runs_until_it_ends(tmp_path: Path) -> None:
    with Liveness(tmp_path, "asking") as asking:
        loader = Liveness(tmp_path, "loader")
        assert asking.is_running("loader")
        loader.close()
        assert not asking.is_running("loader")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("moment", ["before its lock", "after its lock"])
def test_a_loader_that_is_asked_for_while_it_begins_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The process that asks finds a file without a lock, takes it for that of an ended loader, and deletes it."""
    with Liveness(tmp_path, "asking") as asking:
        asked: list[bool] = []

        def locked(file: IO[bytes]) -> bool:
            if Path(str(file.name)).name != "loader" or asked:
                return try_lock(file)
            asked.append(True)
            if moment == "before its lock":
                assert not asking.is_running("loader")
                return try_lock(file)
            done = try_lock(file)
            (tmp_path / "loader").unlink()
            return done

        monkeypatch.setattr(liveness, "try_lock", locked)
        with Liveness(tmp_path, "loader"):
            monkeypatch.undo()
            assert asked
            assert asking.is_running("loader")
            assert (tmp_path / "loader").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no open file")
def test_the_file_of_an_ended_loader_is_deleted_under_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ended").touch()
    others: list[bool] = []
    unlink = Path.unlink

    def watched(self: Path, missing_ok: bool = False) -> None:
        with self.open("r+b") as file:
            others.append(try_lock(file))
        unlink(self, missing_ok=missing_ok)

    with Liveness(tmp_path, "asking") as asking:
        monkeypatch.setattr(Path, "unlink", watched)
        assert not asking.is_running("ended")
        monkeypatch.undo()
    assert others == [False], "no loader could lock it in between"


def test_a_file_that_another_process_keeps_locked_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "_ASKED_SECONDS", 0.05)
    with Liveness(tmp_path, "loader"), pytest.raises(SettingsError, match="cannot be locked"):
        Liveness(tmp_path, "loader")
    assert "loader" not in [path.name for path in tmp_path.iterdir()]
