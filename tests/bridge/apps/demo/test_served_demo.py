"""The demo's company under the connection `demo`: one process in the background for all programs of the user."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge import connect
from intacct_bridge.connections.demo_company import (
    DATABASE,
    LOCK_FILE,
    PORT_FILE,
    opened_alone,
    remember_home,
    served_endpoint,
    stop_serving,
)
from intacct_protocol.errors import SettingsError
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.repository import DOCS


def until_free(home: Path) -> None:
    """Wait for the end of the process that serves a company."""
    from filelock import lock_descriptor

    with (home / LOCK_FILE).open("a+b") as file:
        lock_descriptor(file.fileno(), poll_interval=0.01)


@pytest.fixture(autouse=True)
def transactions() -> None:
    """The emulator's count is in another process, so that no meter here can be compared with it."""


@pytest.fixture
def served(home: Path, company_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A company that the demo has made, in a directory that it remembers; no process is left behind."""
    folder = home / "elsewhere" / "demo-company"
    folder.mkdir(parents=True)
    shutil.copy(company_file, folder / DATABASE)
    monkeypatch.delenv("INTACCT_DEMO_HOME", raising=False)
    monkeypatch.setenv("INTACCT_DEMO_IDLE", "300")
    remember_home(folder)
    yield folder
    stop_serving(folder)


def test_every_program_uses_one_process_and_sees_what_the_others_did(
    served: Path, intacct: Intacct, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect("demo") as client:
        url = client.connection.endpoint
        assert client.create("CLASS", [{"CLASSID": "OF-ALL", "NAME": "Of all"}])[0].ok
    assert HttpReader(url).rows("CLASS", "RECORDNO", "NAME", CLASSID="OF-ALL")[0]["NAME"] == "Of all"
    ran = intacct("query", "CLASS", "--select", "CLASSID", "--where", "CLASSID = 'OF-ALL'", "--connection", "demo")
    assert (ran.status, "OF-ALL" in ran.out) == (0, True), ran.said
    listed = json.loads(intacct("connections", "list", "--json").out)
    assert [(one["name"], one["environment"], one["file"]) for one in listed] == [("demo", "demo", str(served))]

    Path("tap.json").write_text(json.dumps({"connection": "demo", "streams": ["CLASS"]}))
    Path("target.json").write_text(json.dumps({"connection": "demo"}))
    singer = "intacct_bridge.apps.singer."
    tap = subprocess.run(
        [sys.executable, "-m", f"{singer}tap", "--config", "tap.json"], capture_output=True, check=False
    )
    assert tap.returncode == 0, tap.stderr
    assert b'"OF-ALL"' in tap.stdout
    recipe = (DOCS / "recipes" / "singer-target.md").read_text("utf-8")
    lines = re.findall(r'^\{"type":.*$', recipe, re.MULTILINE)
    assert len(lines) == 2
    target = subprocess.run(
        [sys.executable, "-m", f"{singer}target", "--config", "target.json"],
        input="\n".join(lines).encode(),
        capture_output=True,
        check=False,
    )
    assert target.returncode == 0, target.stderr
    assert re.search(r"^1 written; .*$", recipe, re.MULTILINE)[0] in target.stderr.decode()  # type: ignore[index]
    assert HttpReader(url).rows("CLASS", "RECORDNO", CLASSID="SINGER")

    first = re.findall(r"^```python\n(.*?)^```", (DOCS / "library.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)[0]
    exec(compile(first, "library.md", "exec", dont_inherit=True), {})
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert json.loads((served / PORT_FILE).read_text())["endpoint"] == url
    with connect("demo", location_id="100") as entity:
        assert (entity.connection.endpoint, entity.connection.location_id) == (url, "100")


@pytest.mark.slow
def test_the_process_ends_when_it_is_idle_and_starts_again(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTACCT_DEMO_IDLE", "2")
    with connect("demo") as client:
        assert list(client.query("USERINFO", "RECORDNO", limit=1))
    until_free(served)
    assert not (served / PORT_FILE).exists()
    with connect("demo") as client:
        assert list(client.query("USERINFO", "RECORDNO", limit=1))
    until_free(served)


def _servers(home: Path) -> list[int]:
    """The processes that serve, or are about to serve, the company in a directory."""
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and str(home.resolve()).encode() in _command(path)
    ]


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_one_process_starts_for_many_programs_and_is_replaced_when_it_is_killed(served: Path) -> None:
    script = "from intacct_bridge.connections.demo_company import demo_settings; print(demo_settings()['endpoint'])"
    several = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(3)]
    said = {one.communicate()[0].decode().strip() for one in several}
    before = served_endpoint(served)
    assert said == {before}
    while len(servers := _servers(served)) > 1:  # each program may have started one; those without the lock end
        time.sleep(0.02)
    os.kill(servers[0], signal.SIGKILL)
    until_free(served)
    assert (served / PORT_FILE).exists(), "it could not tidy up"
    after = served_endpoint(served)
    assert HttpReader(after).rows("USERINFO", "RECORDNO")
    with opened_alone(served):  # as the demo does
        assert not (served / PORT_FILE).exists()
        with pytest.raises(SettingsError, match="in use by another program"), opened_alone(served):
            pass


def test_without_a_company_or_a_process_the_error_says_what_to_do(
    home: Path, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTACCT_DEMO_IDLE", "0")
    with pytest.raises(SettingsError, match="allows no background process"):
        connect("demo")
    monkeypatch.setenv("INTACCT_DEMO_IDLE", "soon")
    with pytest.raises(SettingsError, match="not a number of seconds"):
        connect("demo")
    monkeypatch.setenv("INTACCT_DEMO_IDLE", "5")
    monkeypatch.setenv("INTACCT_DEMO_HOME", str(home / "none"))
    with pytest.raises(SettingsError, match="There is no demo company") as raised:
        connect("demo")
    assert raised.value.fix == "Create one: intacct demo"


@pytest.mark.slow
def test_a_company_that_cannot_be_opened_is_reported_with_its_log(served: Path) -> None:
    (served / DATABASE).write_bytes(b"not a database" * 100)
    began = time.monotonic()
    with pytest.raises(SettingsError, match="could not be served") as raised:
        connect("demo")
    assert "server.log" in raised.value.fix
    assert time.monotonic() - began < 50, "it does not wait until the time for a start is over"


@pytest.mark.usefixtures("home")
def test_without_any_connection_the_demo_is_proposed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.startswith("INTACCT_") and one != "INTACCT_DEMO_IDLE"]:
        monkeypatch.delenv(name)
    with pytest.raises(SettingsError, match="no connection is set up here yet") as raised:
        connect()
    assert raised.value.fix.index("intacct demo") < raised.value.fix.index("intacct connections add")


def test_a_connection_of_that_name_in_a_file_is_that_connection(served: Path) -> None:
    Path("intacct.toml").write_text(
        '[connections.demo]\ncompany_id = "acme"\nuser_id = "u"\nuser_password = "p"\nsender_id = "s"\n'
        'sender_password = "sp"\n'
    )
    with connect("demo", outbox=None) as client:
        assert client.connection.company_id == "acme"
    assert not (served / PORT_FILE).exists()
