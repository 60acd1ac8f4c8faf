"""Where things are in the repository, for tests that read its pages or start its programs."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROTOCOL = ROOT / "packages" / "intacct-protocol" / "src" / "intacct_protocol"
EMULATOR = ROOT / "packages" / "intacct-emulator" / "src" / "intacct_emulator"
BRIDGE = ROOT / "packages" / "intacct-bridge" / "src" / "intacct_bridge"
DISTRIBUTIONS = (PROTOCOL, EMULATOR, BRIDGE)
SOURCES = tuple(str(package.parent) for package in DISTRIBUTIONS)


def python_path(*folders: Path | str, tests: bool = False) -> str:
    """`PYTHONPATH` for a process that imports our packages: the sources, the tests if wanted, and more folders."""
    own = (str(ROOT / "tests"), str(ROOT / "quality")) if tests else ()
    return os.pathsep.join([*SOURCES, *own, *map(str, folders)])
