"""Schemathesis, unmodified, judges the control API by its OpenAPI document: every operation, with requests that the
document allows and with requests that it forbids, one after the other and in sequences.
"""

import subprocess
from pathlib import Path
from urllib.parse import urljoin

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.judges import judge

pytestmark = pytest.mark.foreign
_SECONDS = 1200


def test_schemathesis_finds_no_fault(tmp_path: Path) -> None:
    programs = judge("schemathesis")
    emulator = Emulator.empty()
    emulator.add_companies(["second", "third"])
    with serve(emulator) as server:
        command = [
            *(programs / "st", "run", urljoin(server.url, "/control/openapi.json"), "--checks", "all"),
            *("--max-examples", "30", "--seed", "38", "--continue-on-failure", "--no-color", "--warnings", "off"),
        ]
        done = subprocess.run(
            [*map(str, command)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    assert emulator.incidents == []
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    emulator.close()
