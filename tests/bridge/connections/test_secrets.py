"""No secret appears in printed, raised, logged or written text: secrets are planted, used and searched for."""

import logging
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge import Client, Connection, IntacctError, element
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.connections.sources import SettingsSources
from intacct_bridge.connections.toml_file import TomlFile
from intacct_bridge.runs.definitions import load_flows
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, SenderSettings, UserSettings
from intacct_protocol.xml.reply import Reply
from intacct_protocol.xml.xml import Element
from support.demo_company import DEMO

SENDER, USER = 'planted <sender> & "secret"', "planted 'user' secret %"
MARK = "planted"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A company whose sender and user have the planted passwords."""
    settings = EmulatorSettings(
        senders=(SenderSettings(password=SENDER),), companies=(CompanySettings(users=(UserSettings(password=USER),)),)
    )
    made = Emulator.empty(settings=settings)
    yield made
    made.close()


def planted(**settings: Any) -> Connection:
    return replace(DEMO, sender_password=SENDER, user_password=USER, **settings)


def repeating(emulator: Emulator, sessions: list[str] | None = None) -> Callable[[str, bytes], Reply]:
    """A gateway that repeats every request in the texts of its errors, and keeps the sessions that it gives."""

    def transport(endpoint: str, body: bytes) -> Reply:
        reply = emulator(endpoint, body)
        if sessions is not None:
            sessions.extend(re.findall("<sessionid>(.*?)</sessionid>", reply.body.decode()))
        quoted = body.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
        return replace(reply, received=reply.body.replace(b"</description2>", quoted + b"</description2>"))

    return transport


def everything(client: Client) -> list[str]:
    """Texts that a program might print about a client's successes and failures."""
    said: list[str] = []

    def note(do: Callable[[], Any]) -> None:
        try:
            said.append(repr(do()))
        except IntacctError as error:
            said.extend((str(error), error.fix, repr(error.__dict__), "".join(traceback.format_exception(error))))

    note(client.sign_in)
    note(client.objects)
    note(lambda: list(client.query("VENDOR")))
    note(lambda: list(client.query("NOSUCH")))
    note(lambda: client.create("CLASS", [{"CLASSID": "A", "NAME": "A"}, {"CLASSID": "A", "NAME": "A"}, {}]))
    note(lambda: client.call(element("query", Element("object")), Element("readEntityDetails")))
    note(lambda: client.entity("nowhere").sign_in())
    note(client.meter.usage)
    said += [repr(client), repr(client.connection), repr(client.connection.settings()), repr(vars(client))]
    return said


def files(directory: Path) -> str:
    return "\n".join(path.read_text() for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("authentication", ["session", "login"])
def test_a_working_client_shows_no_secret(
    emulator: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    authentication: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    connection = planted(archive=str(tmp_path / "archive"), authentication=authentication)
    sessions: list[str] = []
    with Client(
        connection, transport=repeating(emulator, sessions), keep=True, system=System(sleep=lambda _: None)
    ) as client:
        said = "\n".join(everything(client))
    written = files(tmp_path)
    assert "***" in said and "getAPISession" in said and "<create>" in written
    assert MARK not in said
    assert MARK not in written
    assert MARK not in caplog.text
    assert sessions
    for session in sessions:
        assert session not in said + written + caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender_password": "planted wrong sender"},
        {"user_password": "planted wrong user"},
        {"company_id": "elsewhere"},
        {"location_id": "nowhere"},
    ],
)
def test_a_refused_client_shows_no_secret(emulator: Emulator, tmp_path: Path, wrong: dict[str, Any]) -> None:
    connection = replace(planted(archive=str(tmp_path)), **wrong)
    with Client(connection, transport=repeating(emulator), system=System(sleep=lambda _: None)) as client:
        said = "\n".join(everything(client))
    assert MARK not in said
    assert MARK not in files(tmp_path)


def test_no_secret_shows_over_http(
    emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    running = serve(emulator)
    try:
        connection = planted(endpoint=running.url, archive=str(tmp_path))
        with Client(connection, system=System(sleep=lambda _: None)) as client:
            said = "\n".join(everything(client))
            assert client.sign_in().endpoint.startswith(running.url.rsplit("/ia/", 1)[0])
    finally:
        running.close()
    out, err = capfd.readouterr()
    for text in (said, files(tmp_path), caplog.text, out, err):
        assert MARK not in text


def test_what_settings_are_read_from_shows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker of errors sends the repr of each local variable."""
    monkeypatch.setenv("INTACCT_USER_PASSWORD", USER)
    (tmp_path / "intacct.toml").write_text(f"""
[connections.books]
company_id = "acme"
user_password = "{MARK}"

[senders.ours]
sender_password = "{MARK}"

[notify.chat]
webhook = "https://chat.example/{MARK}"

[flows.nightly]
command = "extract"
to = "postgresql://loader:{MARK}@db/copy"

[flows.nightly.environments.production]
to = "postgresql://loader:{MARK}@db/copy"
""")
    sources = SettingsSources(project=tmp_path, config=tmp_path / "none")
    unsaved = SettingsSources(config=tmp_path / "none", unsaved=TomlFile(tmp_path, {"new": {"user_password": MARK}}))
    flow = load_flows(sources)["nightly"]
    for one in (sources, unsaved, *sources.files(), flow, flow.on("production")):
        assert type(one).__name__ in repr(one)
        assert MARK not in repr(one)
