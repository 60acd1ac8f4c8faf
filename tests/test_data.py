"""The derived data files are made again from the recorded facts, and a wheel has every data file."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import intacct_bridge
from support.repository import BRIDGE, DISTRIBUTIONS, EMULATOR, ROOT

MAKER = ROOT / "tools" / "make_data.py"
GENERATED = EMULATOR.relative_to(ROOT) / "data" / "generated"
FOLDERS = tuple(source.relative_to(ROOT) / "data" for source in DISTRIBUTIONS)
KINDS = (".json", ".toml", ".sql", ".xsd", ".md", ".csv", ".html", ".css", ".js", ".svg")
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


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheels of the three distributions."""
    folder = tmp_path_factory.mktemp("wheels")
    packages = [str(source.parents[1]) for source in DISTRIBUTIONS]
    built = run("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, *packages)
    assert built.returncode == 0, built.stderr
    return sorted(folder.glob("*.whl"))


def test_the_wheels_have_every_data_file(wheels: list[Path]) -> None:
    packed = {name for wheel in wheels for name in zipfile.ZipFile(wheel).namelist()}
    folders = [*(ROOT / folder for folder in FOLDERS), BRIDGE / "apps", BRIDGE / "copies"]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in KINDS]
    shipped = {f"intacct_{str(path).rpartition('/src/intacct_')[2]}" for path in files}
    assert len(shipped) > 150
    assert {path.rpartition(".")[2] for path in shipped} == {kind.removeprefix(".") for kind in KINDS}
    assert sorted(shipped - packed) == []
    assert {name.partition("/")[0].partition("-")[0] for name in packed} == {
        "intacct_bridge", "intacct_emulator", "intacct_protocol", "pyspark_intacct"
    }  # fmt: skip


def test_unpacked_wheels_run_an_emulated_company(wheels: list[Path], tmp_path: Path) -> None:
    for wheel in wheels:
        zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    program = (
        "import sys; sys.path.insert(0, 'installed')\n"
        "import intacct_bridge, intacct_emulator, intacct_protocol\n"
        "from intacct_bridge.apps.demo.sample import NAMES, sample\n"
        "from intacct_bridge.testing import emulated_company\n"
        "with emulated_company() as company:\n"
        "    print('VENDORID' in company.client().lookup('VENDOR').fields, len(sample(NAMES[0])) > 0)\n"
        "for package in (intacct_bridge, intacct_emulator, intacct_protocol):\n"
        "    print(package.__file__, package.__version__)\n"
    )
    answer = run("-I", "-c", program, where=tmp_path)
    files = [str(tmp_path / f"installed/{name}/__init__.py") for name in
             ("intacct_bridge", "intacct_emulator", "intacct_protocol")]  # fmt: skip
    version = intacct_bridge.__version__
    assert answer.stdout.split() == ["True", "True", files[0], version, files[1], version, files[2], version], (
        answer.stderr
    )


@pytest.mark.foreign
def test_the_demo_runs_from_wheels_in_an_empty_environment(wheels: list[Path], tmp_path: Path) -> None:
    assert run("-m", "venv", tmp_path / "venv").returncode == 0
    pip = [str(tmp_path / "venv/bin/python"), "-m", "pip", "install", "--quiet", "--constraint", "pins.txt"]
    lines = (ROOT / "constraints-demo.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.partition(" ")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))]
    (tmp_path / "pins.txt").write_text("\n".join(pins), encoding="utf-8")
    bridge, emulator, protocol = (wheel.as_uri() for wheel in wheels)
    ours = [f"intacct-bridge[demo] @ {bridge}", f"intacct-emulator @ {emulator}", f"intacct-protocol @ {protocol}"]
    installed = subprocess.run([*pip, *ours], cwd=tmp_path, capture_output=True, text=True, check=False)
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
