"""The examples of docs/control-api.md run as they are, in every language that this machine has."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urljoin

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.repository import DOCS

EXAMPLES = dict(
    re.findall(r"(?ms)^```(bash|javascript|php|ruby|go)\n(.*?)^```$", (DOCS / "control-api.md").read_text())
)
PROGRAMS = {
    "bash": ("curl", ["bash", "-e"], "sh"),
    "javascript": ("node", ["node"], "cjs"),
    "php": ("php", ["php"], "php"),
    "ruby": ("ruby", ["ruby"], "rb"),
    "go": ("go", ["go", "run"], "go"),
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_an_example_runs(language: str, tmp_path: Path) -> None:
    program, command, ending = PROGRAMS[language]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: the example in {language} does not run here")
    file = tmp_path / f"example.{ending}"
    file.write_text(EXAMPLES[language], "utf-8")
    emulator = Emulator.empty()
    with serve(emulator) as server:
        environment = {**os.environ, "INTACCT_EMULATOR": urljoin(server.url, "/").rstrip("/")}
        done = subprocess.run(
            [*command, str(file)], env=environment, capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Acme" in done.stdout
    assert [*emulator.snapshots] == ["start", "clean"]
    assert (emulator.company().table("VENDOR").count(), emulator.fault_plan.script) == (0, ())
    assert emulator.incidents == []
    emulator.close()


def test_every_language_has_an_example() -> None:
    assert set(EXAMPLES) == set(PROGRAMS)
