"""The modules that each program imports. `python -m support.imports` prints how many of ours, and which of others."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from intacct_emulator.server.server import serve
from support.repository import DISTRIBUTIONS
from support.small_company import Clock, company

TAP, TARGET, COMMANDS = "apps.singer.tap", "apps.singer.target", "apps.cli.app"
_STREAM = "DEPARTMENT"
OURS = {package.name for package in DISTRIBUTIONS}
WITHOUT_A_COMPANY = {
    "tap-intacct --version": (TAP, ("--version",)),
    "tap-intacct --help": (TAP, ("--help",)),
    "target-intacct --version": (TARGET, ("--version",)),
    "target-intacct --help": (TARGET, ("--help",)),
    "intacct --version": (COMMANDS, ("--version",)),
    "intacct --help": (COMMANDS, ("--help",)),
    "intacct extract --help": (COMMANDS, ("extract", "--help")),
    "intacct load --help": (COMMANDS, ("load", "--help")),
}
IDLE = "a sync of one idle stream"
QUERY = "a query of the library"
COPY = "an extraction of one stream into Parquet"
ROW = "a query of one row on the command line"
PLAN = "a plan of one journal entry"
RECORD = "one record of a target"
_PROGRAM = """
import sys
from intacct_bridge.{module} import main
sys.argv[1:] = {words!r}
status = main()
sys.stdout.flush()
print(chr(10).join(sys.modules), file=sys.stderr)
sys.exit(status)
"""


def imports(place: Path) -> Mapping[str, list[str]]:
    """Our modules and other people's packages that each program imports, those of the standard library left out."""
    found = {name: _imported(*how, place) for name, how in WITHOUT_A_COMPANY.items()}
    clock = Clock()
    with serve(company(clock)) as server:
        account = {"company_id": "demo-company", "sender_id": "demo-sender", "user_id": "demo-user"}
        account |= {"sender_password": "demo-sender-password", "user_password": "demo-user-password"}
        return found | {
            IDLE: _idle(server.url, account, clock, place),
            COPY: _copy(server.url, account, place),
            QUERY: _library(server.url, account, place),
            ROW: _command(server.url, account, place, "query", _STREAM, "--select", "TITLE", "--limit", "1"),
            PLAN: _plan(server.url, account, place),
            RECORD: _target(server.url, account, place),
        }


def _library(url: str, account: Mapping[str, str], place: Path) -> list[str]:
    """A program that reads a few rows."""
    code = f"""
import sys
from intacct_bridge import connect
with connect(endpoint={url!r}, environment="demo", **{dict(account)!r}) as books:
    assert len(list(books.query("DEPARTMENT", "DEPARTMENTID, TITLE", limit=5))) == 5
print(chr(10).join(sys.modules), file=sys.stderr)
"""
    return _modules(_python(code, place, {}).stderr)


def _imported(module: str, words: tuple[str, ...], place: Path) -> list[str]:
    return _modules(_run(module, words, place).stderr)


def _run(
    module: str,
    words: tuple[str, ...],
    place: Path,
    settings: Mapping[str, str] = MappingProxyType({}),
    text: str = "",
) -> "subprocess.CompletedProcess[str]":
    code = _PROGRAM.format(module=module, words=list(words))
    return _python(code, place, settings, text)


def _python(code: str, place: Path, settings: Mapping[str, str], text: str = "") -> "subprocess.CompletedProcess[str]":
    home = {name: str(place) for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    return subprocess.run(
        [sys.executable, "-c", code],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        cwd=place,
        env={**os.environ, **home, **settings, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def _idle(url: str, account: Mapping[str, str], clock: Clock, place: Path) -> list[str]:
    """The second sync of a stream in which nothing has changed since the first."""
    (place / "config.json").write_text(json.dumps({**account, "api_url": url, "streams": [_STREAM]}))
    first = _run(TAP, ("--config", "config.json"), place)
    state = json.loads(first.stdout.splitlines()[-1])["value"]
    (place / "state.json").write_text(json.dumps(state))
    clock.forward(days=1)
    return _modules(_run(TAP, ("--config", "config.json", "--state", "state.json"), place).stderr)


def _copy(url: str, account: Mapping[str, str], place: Path) -> list[str]:
    """The first extraction of a stream into an empty folder."""
    return _command(url, account, place, "extract", _STREAM, "--to", "parquet:copy", "-q")


def _plan(url: str, account: Mapping[str, str], place: Path) -> list[str]:
    """The plan of a journal entry with two lines."""
    head = "GJ,11/30/2026,Rent,R-1"
    lines = [f"{head},65100,5.00,,Marketing,120", f"{head},66200,,5.00,Marketing,120"]
    names = "Journal,Date,Title,Reference,Account,Debit,Credit,Department,Location"
    (place / "entries.csv").write_text("\n".join((names, *lines, "")))
    return _command(url, account, place, "load", "entries.csv", "--as", "journal-entries")


def _command(url: str, account: Mapping[str, str], place: Path, *words: str) -> list[str]:
    """A command of `intacct` on the company."""
    settings = {f"INTACCT_{name.upper()}": value for name, value in {**account, "endpoint": url}.items()}
    return _modules(_run(COMMANDS, words, place, settings).stderr)


def _target(url: str, account: Mapping[str, str], place: Path) -> list[str]:
    """A class that a target creates."""
    (place / "target.json").write_text(json.dumps({**account, "api_url": url}))
    schema = {"properties": {name: {"type": "string"} for name in ("CLASSID", "NAME")}}
    messages = (
        {"type": "SCHEMA", "stream": "CLASS", "schema": schema, "key_properties": ["CLASSID"]},
        {"type": "RECORD", "stream": "CLASS", "record": {"CLASSID": "C-1", "NAME": "One"}},
    )
    text = "".join(f"{json.dumps(message)}\n" for message in messages)
    return _modules(_run(TARGET, ("--config", "target.json"), place, text=text).stderr)


def _modules(listed: str) -> list[str]:
    names = [line for line in listed.splitlines() if line.replace(".", "").replace("_", "").isalnum()]
    return sorted(set(_shown(names)))


def _shown(names: list[str]) -> Iterator[str]:
    """Our modules, then the packages of others; of pyarrow, whether it can compute."""
    for name in names:
        first, _, rest = name.partition(".")
        if first in OURS:
            yield from [name] if rest else []
        elif name == "pyarrow.compute":
            yield name
        elif first not in sys.stdlib_module_names and not first.startswith("_"):
            yield first


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for program, modules in imports(Path(folder)).items():
            others = [name for name in modules if name.partition(".")[0] not in OURS]
            print(f"{program}: {len(modules) - len(others)} of ours, {' '.join(others)}")
