"""Other people's programs, installed unmodified from PyPI, each in a virtual environment of its own."""

import fcntl
import hashlib
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PLACE = Path(__file__).parent.parent / ".judges"


def judge(*packages: str) -> Path:
    """The folder of executables of an environment that holds the packages; made once and kept beside the project."""
    mark = hashlib.sha256(" ".join((sys.version, *packages)).encode()).hexdigest()[:12]
    home = PLACE / f"{packages[0].split('=')[0]}-{mark}"
    with _alone(home):
        if not (home / ".ready").exists():
            _install(home, packages)
    return home / "bin"


def _install(home: Path, packages: tuple[str, ...]) -> None:
    venv.create(home, with_pip=True, clear=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(packages)} cannot be installed here, so it cannot judge: {done.stderr[-300:]}")
    (home / ".ready").touch()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep other test processes out meanwhile."""
    PLACE.mkdir(exist_ok=True)
    with (PLACE / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
