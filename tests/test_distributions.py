"""What `make dist` builds: three wheels with every data file, which run without the repository, and their sources."""

import os
import subprocess
import sys
import tarfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

import intacct_bridge
import intacct_emulator
import intacct_protocol
from intacct_emulator import CREDENTIALS
from support.repository import BRIDGE, DISTRIBUTIONS, EMULATOR, ROOT

NAMES = tuple(source.name for source in DISTRIBUTIONS)
KINDS = (".json", ".toml", ".sql", ".xsd", ".md", ".csv", ".html", ".css", ".js", ".svg")
HIDDEN = "sys.modules['intacct_bridge'] = None"
"""Hides the connector, which is installed for the other tests."""
SUITE = """
import pytest


def test_first(intacct_company):
    intacct_company.seed("CLASS", [{"CLASSID": "R", "NAME": "Retail"}])
    assert [row["NAME"] for row in intacct_company.rows("CLASS")] == ["Retail"]


def test_each_test_finds_it_as_it_was(intacct_company):
    assert intacct_company.rows("CLASS") == []


def test_the_connector_is_absent():
    with pytest.raises(ModuleNotFoundError):
        import intacct_bridge
"""


def run(*arguments: str | Path, where: Path = ROOT, python: Path | str = sys.executable) -> str:
    """What a Python program prints."""
    environment = {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "TESTS")}
    command = [str(python), *map(str, arguments)]
    ran = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make dist` fills."""
    folder = tmp_path_factory.mktemp("dist")
    for source in DISTRIBUTIONS:
        run("-m", "hatchling", "build", "-d", folder, where=source.parents[1])
    return folder


def wheels(dist: Path, *names: str) -> list[Path]:
    """The wheels of some distributions."""
    return [next(dist.glob(f"{name}-*.whl")) for name in names or NAMES]


def unpacked(dist: Path, folder: Path, *names: str) -> Path:
    """A folder with the packages of some wheels."""
    for wheel in wheels(dist, *names):
        zipfile.ZipFile(wheel).extractall(folder)
    return folder


def test_make_dist_runs_the_build_of_these_tests() -> None:
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\ndist:")[2].partition("\n\n")[0]
    assert "for package in $(PACKAGES)" in recipe
    assert "python -m hatchling build -d $(CURDIR)/dist" in recipe


def test_the_wheels_have_every_data_file(dist: Path) -> None:
    packed = {name for wheel in wheels(dist) for name in zipfile.ZipFile(wheel).namelist()}
    folders = [*(source / "data" for source in DISTRIBUTIONS), BRIDGE / "apps", BRIDGE / "copies"]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in KINDS]
    shipped = {f"intacct_{str(path).rpartition('/src/intacct_')[2]}" for path in files}
    assert len(shipped) > 150
    assert {path.rpartition(".")[2] for path in shipped} == {kind.removeprefix(".") for kind in KINDS}
    assert sorted(shipped - packed) == []
    tops = {name.partition("/")[0].partition("-")[0] for name in packed}
    assert tops == {*NAMES, "pyspark_intacct"}


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_that_is_built_from_its_source_archive_is_the_same(name: str, dist: Path, tmp_path: Path) -> None:
    archive = next(dist.glob(f"{name}-*.tar.gz"))
    with tarfile.open(archive) as sources:
        sources.extractall(tmp_path, filter="data")
    folder = tmp_path / archive.name.removesuffix(".tar.gz")
    run("-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, where=folder)
    again, wheel = (zipfile.ZipFile(wheels(built, name)[0]).infolist() for built in (tmp_path, dist))
    assert {file.filename: file.CRC for file in again} == {file.filename: file.CRC for file in wheel}


def test_the_distributions_have_one_version_and_ask_for_exactly_that() -> None:
    version = intacct_protocol.__version__
    assert (intacct_emulator.__version__, intacct_bridge.__version__) == (version, version)
    emulator, bridge = (
        tomllib.loads((source.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
        for source in (EMULATOR, BRIDGE)
    )
    assert f"intacct-protocol=={version}" in emulator["dependencies"]
    assert f"intacct-protocol=={version}" in bridge["dependencies"]
    assert bridge["optional-dependencies"]["emulator"] == [f"intacct-emulator=={version}"]


def test_no_distribution_reads_a_data_file_of_another() -> None:
    for source in DISTRIBUTIONS:
        for path in source.rglob("*.py"):
            others = [name for name in NAMES if name != source.name and f'files("{name}' in path.read_text("utf-8")]
            assert others == [], path


def test_unpacked_wheels_run_an_emulated_company(dist: Path, tmp_path: Path) -> None:
    installed = unpacked(dist, tmp_path / "installed")
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "import intacct_bridge, intacct_emulator, intacct_protocol\n"
        "from intacct_bridge.apps.demo.sample import NAMES, sample\n"
        "from intacct_bridge.testing import emulated_company\n"
        "with emulated_company() as company:\n"
        "    print('VENDORID' in company.client().lookup('VENDOR').fields, len(sample(NAMES[0])) > 0)\n"
        "for package in (intacct_protocol, intacct_emulator, intacct_bridge):\n"
        "    print(package.__file__)\n"
    )
    said = run("-I", "-c", program, where=tmp_path).split()
    assert said == ["True", "True", *(str(installed / name / "__init__.py") for name in NAMES)]


# --- the emulator alone


def posted(url: str, function: str, credentials: dict[str, str]) -> str:
    """The answer to a function, as a program without any library of ours gets it."""
    request = (
        "<request><control><senderid>{sender_id}</senderid><password>{sender_password}</password><controlid>c"
        "</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control><operation><authentication><login>"
        "<userid>{user_id}</userid><companyid>{company_id}</companyid><password>{user_password}</password></login>"
        "</authentication><content><function controlid='f'>{function}</function></content></operation></request>"
    ).format(function=function, **credentials)
    with urllib.request.urlopen(urllib.request.Request(url, request.encode())) as answer:
        read: bytes = answer.read()
    return read.decode()


@contextmanager
def serving(command: Sequence[str | Path], port_file: Path, where: Path) -> Iterator[str]:
    """The URL at which a command serves."""
    words = [*map(str, command), "--company", "empty", "--port", "0", "--port-file", str(port_file)]
    with subprocess.Popen(words, cwd=where, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            until = monotonic() + 60
            while not port_file.is_file() and process.poll() is None and monotonic() < until:
                sleep(0.02)
            assert port_file.is_file(), process.communicate(timeout=10)
            yield f"http://127.0.0.1:{port_file.read_text().strip()}/ia/xml/xmlgw.phtml"
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert process.returncode == 143


def create_and_read_a_vendor(url: str) -> None:
    """What Sage's documentation says of `create` and `query`, done by a foreign program."""
    vendor = "<VENDORID>V-1</VENDORID><NAME>Acme &amp; Sons</NAME>"
    contact = "<DISPLAYCONTACT><PRINTAS>Acme</PRINTAS></DISPLAYCONTACT>"
    created = posted(url, f"<create><VENDOR>{vendor}{contact}</VENDOR></create>", CREDENTIALS)
    assert "<status>failure</status>" not in created
    query = "<query><object>VENDOR</object><select><field>VENDORID</field><field>NAME</field></select></query>"
    answer = posted(url, query, CREDENTIALS)
    assert vendor in "".join(map(str.strip, answer.splitlines()))
    wrong = posted(url, query, {**CREDENTIALS, "user_password": "wrong"})
    assert "<status>failure</status>" in wrong


def test_unpacked_wheels_of_the_emulator_alone_serve_any_program(dist: Path, tmp_path: Path) -> None:
    installed = unpacked(dist, tmp_path / "installed", "intacct_protocol", "intacct_emulator")
    start = f"import sys; {HIDDEN}; sys.path.insert(0, {str(installed)!r})"
    main = f"{start}\nfrom intacct_emulator.command.program import main\nsys.exit(main())"
    with serving([sys.executable, "-I", "-c", main], tmp_path / "port.txt", tmp_path) as url:
        create_and_read_a_vendor(url)
    (tmp_path / "test_mine.py").write_text(SUITE)
    options = "'-q', '-p', 'no:cacheprovider', '-p', 'intacct_emulator.pytest_plugin', '--strict-markers'"
    suite = f"{start}\nimport os; os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'\n"
    said = run("-I", "-c", f"{suite}import pytest; sys.exit(pytest.main([{options}]))", where=tmp_path)
    assert "3 passed" in said


def test_unpacked_wheels_without_the_emulator_say_what_to_install(dist: Path, tmp_path: Path) -> None:
    installed = unpacked(dist, tmp_path / "installed", "intacct_protocol", "intacct_bridge")
    hidden = "sys.modules['intacct_emulator'] = None"
    program = (
        f"import sys; {hidden}; sys.path.insert(0, {str(installed)!r})\n"
        "from intacct_bridge.apps.cli.app import completion, main\n"
        "print(main(['emulator', '--company', 'empty', '--port', '0']), main(['connections', 'list']))\n"
        "import os; os.environ |= {'COMP_WORDS': 'intacct ', 'COMP_CWORD': '1'}; completion('bash_complete')\n"
    )
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=home, capture_output=True, text=True, check=True)
    assert "pip install 'intacct-bridge[emulator]'" in done.stderr
    assert "2 0" in done.stdout.splitlines()
    assert "plain,emulator" in done.stdout.splitlines()


# --- in an empty environment


def environment(folder: Path, requirements: Sequence[str], constraints: str) -> Path:
    """The `bin` of a new environment with these requirements, at the versions of a file of ours."""
    run("-m", "venv", folder / "venv")
    lines = (ROOT / constraints).read_text(encoding="utf-8").splitlines()
    pins = [line.partition(" ")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))]
    (folder / "pins.txt").write_text("\n".join(pins), encoding="utf-8")
    python = folder / "venv" / "bin" / "python"
    run("-m", "pip", "install", "--quiet", "--constraint", "pins.txt", *requirements, where=folder, python=python)
    return python.parent


def requirements(dist: Path, *names: str, extra: str = "") -> list[str]:
    """The wheels as requirements; the last one with an extra."""
    found = [f"{name} @ {wheel.as_uri()}" for name, wheel in zip(names, wheels(dist, *names), strict=True)]
    return [*found[:-1], found[-1].replace(" @", f"{extra} @", 1)]


def ran(command: Sequence[str | Path], home: Path) -> str:
    """What a program prints that has an empty home."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    words = [*map(str, command)]
    done = subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.foreign
def test_the_first_lines_of_the_readme_run_in_an_empty_environment(dist: Path, tmp_path: Path) -> None:
    programs = environment(tmp_path, requirements(dist, *NAMES, extra="[demo]"), "constraints-demo.txt")
    ran([programs / "intacct", "demo"], tmp_path)
    assert (tmp_path / "demo-company").is_dir()
    where = ["--where", "TOTALDUE > 0 and WHENDUE < 2026-12-01", "--select", "VENDORNAME,WHENDUE,TOTALDUE"]
    assert "VENDORNAME" in ran([programs / "intacct", "query", "APBILL", "--connection", "demo", *where], tmp_path)
    assert "--scenario" in ran([programs / "intacct", "emulator", "--help"], tmp_path)


@pytest.mark.foreign
def test_the_emulator_alone_works_in_an_empty_environment(dist: Path, tmp_path: Path) -> None:
    alone = requirements(dist, "intacct_protocol", "intacct_emulator")
    programs = environment(tmp_path, [*alone, "pytest"], "constraints.txt")
    listed = run("-m", "pip", "list", "--format", "freeze", python=programs / "python")
    assert not {"intacct-bridge", "rich", "duckdb", "pyarrow", "urllib3"} & {
        line.partition("==")[0].replace("_", "-") for line in listed.splitlines()
    }
    with serving([programs / "intacct-emulator"], tmp_path / "port.txt", tmp_path) as url:
        create_and_read_a_vendor(url)
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_mine.py").write_text(SUITE)
    said = ran([programs / "python", "-m", "pytest", "-q", "--strict-markers", "suite"], tmp_path)
    assert "3 passed" in said


@pytest.mark.foreign
def test_the_connector_without_the_emulator_says_what_to_install(dist: Path, tmp_path: Path) -> None:
    programs = environment(tmp_path, requirements(dist, "intacct_protocol", "intacct_bridge"), "constraints.txt")
    refused = subprocess.run(
        [programs / "intacct", "emulator", "--company", "empty"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "intacct_emulator" in refused.stderr
    assert "pip install 'intacct-bridge[emulator]'" in refused.stderr
