"""The derived data files are made again from the recorded facts, and a wheel has every data file."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKER = ROOT / "tools" / "make_data.py"
DATA = Path("src/intacct_bridge/data")
KINDS = (".json", ".toml", ".sql", ".xsd", ".md")
LISTED = "tests/support/emulator/operations/generated/operations.tsv"


def run(*arguments: str | Path, where: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=where, capture_output=True, text=True, check=False
    )


def test_every_derived_file_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    made = run(MAKER, "--to", tmp_path)
    assert made.returncode == 0, made.stderr
    again = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    shipped = {path.relative_to(ROOT) for path in (ROOT / DATA / "generated").iterdir()} | {Path(LISTED)}
    assert again == {path for path in shipped if path.suffix != ".md"}
    assert [path for path in sorted(again) if (tmp_path / path).read_bytes() != (ROOT / path).read_bytes()] == []


def test_the_list_of_data_files_is_complete() -> None:
    listed = (ROOT / DATA / "README.md").read_text(encoding="utf-8")
    kept = {path.name for path in (ROOT / DATA).iterdir()} - {"README.md", "__init__.py", "__pycache__"}
    assert sorted(name for name in kept if f"`{name}`" not in listed and f"`{name}/`" not in listed) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The maker with its facts and its results, and nothing else."""
    for name in ("facts", "tools", DATA):
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
    assert checked.stdout == f"{DATA}/generated/emulator_catalogue.json differs from its facts; run: make data\n"
    run(repository / "tools" / "make_data.py")
    catalogue = (repository / DATA / "generated" / "emulator_catalogue.json").read_text(encoding="utf-8")
    assert '"VENDOR":[[["SHOESIZE","i","","Shoe size"],["RECORDNO"' in catalogue


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("wheel")
    built = run("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    yield found


def test_a_wheel_has_every_data_file(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    kept = {str(path.relative_to(ROOT / "src")) for path in (ROOT / DATA).rglob("*") if path.suffix in KINDS}
    samples = {f"intacct_bridge/data/{path.relative_to(ROOT)}" for path in (ROOT / "samples").rglob("*.csv")}
    pages = ROOT / "src" / "intacct_bridge" / "edge" / "console"
    shown = {
        str(path.relative_to(ROOT / "src")) for name in ("templates", "static") for path in (pages / name).iterdir()
    }
    assert samples
    assert len(kept) > 80
    assert {path.rpartition(".")[2] for path in shown} == {"html", "css", "js", "svg"}
    assert sorted((kept | samples | shown) - packed) == []


def test_an_unpacked_wheel_runs_an_emulated_company(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    program = (
        "import sys; sys.path.insert(0, 'installed')\n"
        "import intacct_bridge\n"
        "from intacct_bridge.edge.demo.sample import NAMES, sample\n"
        "from intacct_bridge.testing import empty_company\n"
        "with empty_company() as company:\n"
        "    print(intacct_bridge.__file__, 'VENDORID' in company.client().lookup('VENDOR').fields)\n"
        "print(len(sample(NAMES[0])) > 0)\n"
    )
    answer = run("-I", "-c", program, where=tmp_path)
    assert answer.stdout.split() == [str(tmp_path / "installed/intacct_bridge/__init__.py"), "True", "True"], (
        answer.stderr
    )


@pytest.mark.foreign
def test_the_demo_runs_from_a_wheel_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    assert run("-m", "venv", tmp_path / "venv").returncode == 0
    pip = [str(tmp_path / "venv/bin/python"), "-m", "pip", "install", "--quiet", "--constraint", "known.txt"]
    known = (ROOT / "constraints-demo.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.partition(" ")[0] for line in known if "==" in line and not line.startswith((" ", "#"))]
    (tmp_path / "known.txt").write_text("\n".join(pins), encoding="utf-8")
    installed = subprocess.run(
        [*pip, f"intacct-bridge[demo] @ {wheel.as_uri()}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert installed.returncode == 0, installed.stderr
    demo = subprocess.run(
        [str(tmp_path / "venv/bin/intacct"), "demo"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert (tmp_path / "demo-company").is_dir()
