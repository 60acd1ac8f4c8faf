"""An outbox is refused where two hosts could open it at once."""

from pathlib import Path

import pytest

from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.machine import sqlite_file
from intacct_bridge.machine.sqlite_file import networked
from intacct_protocol.errors import SettingsError

MOUNTS = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:40 / /home rw,relatime shared:2 - nfs4 server:/home rw
41 40 0:41 / /home/me/fast rw,relatime - xfs /dev/sdb1 rw
42 22 0:42 / /mnt/our\040share rw - cifs //server/share rw
a line that says nothing
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/.local/state/x.sqlite3", "nfs4"),
        ("/home/me/fast/x.sqlite3", ""),
        ("/homes/x.sqlite3", ""),
        ("/mnt/our share/x.sqlite3", "cifs"),
        ("/var/x.sqlite3", ""),
    ],
)
def test_the_deepest_mount_gives_the_file_system(path: str, kind: str) -> None:
    assert networked(Path(path), MOUNTS) == kind


def test_an_outbox_on_a_network_drive_is_refused_with_a_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "networked", lambda _: "nfs4")
    with pytest.raises(SettingsError, match="network file system") as refused:
        Outbox(tmp_path / "x.sqlite3")
    assert "outbox" in refused.value.fix
