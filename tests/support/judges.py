"""Other people's programs, installed unmodified: from PyPI in virtual environments of their own, and one from npm.

`judges_pins/NAME.txt` and a lock file pin a judge and everything it needs: what is released tomorrow cannot change a
verdict.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.repository import ROOT

PLACE = ROOT / ".judges"
PINS = Path(__file__).parents[1] / "judges_pins"
JAVASCRIPT = Path(__file__).parents[1] / "journeys" / "javascript"


def judge(package: str) -> Path:
    """The folder of executables of an environment that holds the package; made once and kept beside the project."""
    pins = PINS / f"{package}.txt"
    mark = hashlib.sha256(f"{sys.version}{pins.read_text()}".encode()).hexdigest()[:12]
    home = PLACE / f"{package}-{mark}"
    with _alone(home):
        if not (home / ".ready").exists():
            _install(home, package, pins)
    return home / "bin"


def _install(home: Path, package: str, pins: Path) -> None:
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
    into = ["--python", str(home / "bin" / "python"), "--constraint", str(pins)]
    done = subprocess.run(
        [*uv, "pip", "install", "--quiet", *into, package], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{package} cannot be installed here, so it cannot judge: {done.stderr[-300:]}")
    (home / ".ready").touch()


def javascript_sdk(place: Path) -> None:
    """Install the official SDK for JavaScript in a folder, beside the programs of `journeys/javascript`."""
    shutil.copytree(JAVASCRIPT, place, dirs_exist_ok=True)
    install = ["npm", "install", "--no-audit", "--no-fund"]
    done = subprocess.run(install, cwd=place, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the official SDK cannot be installed here, so it cannot judge: {done.stderr[-300:]}")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep other test processes out meanwhile."""
    PLACE.mkdir(exist_ok=True)
    with (PLACE / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
