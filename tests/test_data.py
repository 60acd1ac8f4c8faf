"""The derived data files are made again from the recorded facts, and each distribution lists its data files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.repository import DISTRIBUTIONS, EMULATOR, ROOT

MAKER = ROOT / "tools" / "make_data.py"
GENERATED = EMULATOR.relative_to(ROOT) / "data" / "generated"
FOLDERS = tuple(source.relative_to(ROOT) / "data" for source in DISTRIBUTIONS)
LISTED = "tests/support/emulator/operations/generated/operations.tsv"


def run(*arguments: str | Path, where: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=where, capture_output=True, text=True, check=False
    )


def test_every_derived_file_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    made = run(MAKER, "--to", tmp_path)
    assert made.returncode == 0, made.stderr
    again = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    shipped = {path.relative_to(ROOT) for path in (ROOT / GENERATED).iterdir()} | {Path(LISTED)}
    assert again == {path for path in shipped if path.suffix != ".md"}
    assert [path for path in sorted(again) if (tmp_path / path).read_bytes() != (ROOT / path).read_bytes()] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_the_list_of_data_files_is_complete(folder: Path) -> None:
    listed = re.findall(r"^\| `([^`/]+)/?`", (ROOT / folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    files = {path.name for path in (ROOT / folder).iterdir()} - {"README.md", "__init__.py", "__pycache__"}
    assert sorted(listed) == sorted(files)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The maker with its facts and its results, and nothing else."""
    for name in (Path("facts"), Path("tools"), *FOLDERS):
        for path in (ROOT / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                target = tmp_path / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    listed = tmp_path / LISTED
    listed.parent.mkdir(parents=True)
    listed.write_bytes((ROOT / LISTED).read_bytes())
    return tmp_path


def test_a_change_of_a_fact_is_noticed(repository: Path) -> None:
    assert run(repository / "tools" / "make_data.py", "--check").returncode == 0
    facts = repository / "facts" / "objects.txt"
    facts.write_text(facts.read_text(encoding="utf-8").replace("\n[VENDOR]\n", "\n[VENDOR]\nSHOESIZE i Shoe size\n"))
    checked = run(repository / "tools" / "make_data.py", "--check")
    assert checked.returncode == 1
    assert checked.stdout == f"{GENERATED}/emulator_catalogue.json differs from its facts; run: make data\n"
    run(repository / "tools" / "make_data.py")
    catalogue = (repository / GENERATED / "emulator_catalogue.json").read_text(encoding="utf-8")
    assert '"VENDOR":[[["SHOESIZE","i","","Shoe size"],["RECORDNO"' in catalogue
