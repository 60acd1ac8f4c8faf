"""An outbox on a disk that forgets what was not forced to it."""

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from intacct_bridge.load.outbox.entry import WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import WriteOperation
from intacct_protocol.errors import SettingsError
from support.simulate.disk import DeadError, Disk, in_use
from support.simulate.sqlite_files import IO_ERROR, OK, unavailable

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "available")
TARGET = WriteTarget("company", "", WriteOperation.CREATE, "VENDOR")
NEVER = 10**9


def send(path: Path) -> bool:
    """Enter a record and mark it as sent; whether that succeeded."""
    try:
        with Outbox(path) as outbox:
            return bool(outbox.begin(outbox.plan([new_entry(TARGET, "key:V-1", "digest", "<create/>")])))
    except (SettingsError, OSError):
        return False


def kill_at(disk: Disk, path: Path, operation: int) -> list[str]:
    """A process that makes the outbox and is killed at this operation; returns the operations that it came to."""
    done: list[str] = []

    def before(name: str) -> int:
        done.append(name)
        return IO_ERROR if len(done) >= operation else OK

    disk.before = before
    with suppress(DeadError):
        send(path)
    disk.before = lambda _: OK
    return done


def test_a_sent_record_outlives_a_power_cut_even_if_the_process_that_made_the_outbox_was_killed(tmp_path: Path) -> None:
    """The name of a new outbox was forced to disk after its first commit, and only by the process that made it."""
    disk = Disk(tmp_path, Random(1))
    path = tmp_path / "state" / "outbox.sqlite3"
    with in_use(disk):
        disk.restore({"state": None})
        names = kill_at(disk, path, NEVER)
        moments = [at for at, name in enumerate(names, 1) if "sync" in name or "sync" in names[at - 2]]
        assert {names[at - 1] for at in moments} == {"write", "sync", "fsync"}
        for operation in moments:
            for number in range(2):
                disk.restore({"state": None})
                kill_at(disk, path, operation)
                disk.random = Random(number)
                send(path)
                disk.restore(disk.after_power_cut())
                with Outbox(path) as outbox:
                    states = [entry.status for entry in outbox.entries()]
                assert states == [RecordStatus.SENT], (operation, number)
        disk.close()
