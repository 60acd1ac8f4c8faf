"""Other people's programs, installed unmodified from PyPI, each in a virtual environment of its own."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

import pytest

PLACE = Path(__file__).parent.parent / ".judges"


def judge(*packages: str) -> Path:
    """The folder of executables of an environment that holds the packages; made once and kept beside the project."""
    mark = hashlib.sha256(" ".join((sys.version, *packages)).encode()).hexdigest()[:12]
    home = PLACE / f"{packages[0].split('=')[0]}-{mark}"
    ready = home / ".ready"
    if not ready.exists():
        venv.create(home, with_pip=True, clear=True)
        command = [
            str(home / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *packages,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{' '.join(packages)} cannot be installed here, so it cannot judge: {done.stderr[-300:]}")
        ready.touch()
    return home / "bin"
