"""Passwords and session IDs never appear: on the screen, in a log, or in a file that we write.

They are planted where they could leak: in the settings, in the emulator's settings, in its refusals, in a scripted
fault that quotes them, and in a web page in place of an answer.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.apps.cli.context import CommandContext
from intacct_bridge.apps.demo.sample import write_sample
from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, SenderSettings, UserSettings
from intacct_emulator.settings.faults import ScriptedFault
from support.apps.command_line import AS_OF, Intacct

SENDER_SECRET = "Sender&<Secret>'xQzKwj"
USER_SECRET = 'User"Secret&VyGnqp'
SESSION = "session-secret-HjXkzt"
WITHOUT_WAITING = System(sleep=lambda _: None)
WORLD = EmulatorSettings(
    senders=(SenderSettings("acme", SENDER_SECRET),),
    companies=(CompanySettings("acme-books", senders=("acme",), users=(UserSettings("robot", USER_SECRET),)),),
)
COMMANDS = (
    ("connections", "show"),
    ("connections", "show", "--json"),
    ("connections", "test"),
    ("doctor",),
    ("doctor", "--letter"),
    ("objects", "bill"),
    ("query", "VENDOR"),
    ("query", "NOTHING"),
    ("query", "USERINFO", "--json"),
    ("create", "CLASS", "CLASSID=1", "NAME=x"),
    ("load", "journal-entries.csv", "--as", "journal-entries", "--apply"),
    ("outbox", "list"),
    ("outbox", "show", "1"),
)
QUOTING = f"The password {SENDER_SECRET} or {USER_SECRET} was refused"
FAULTS = {
    "no fault": (),
    "a fault that quotes them": (ScriptedFault("fault", calls=(), text=QUOTING),),
    "a page that quotes them": (
        ScriptedFault("http", calls=(), status=403, body=f"<html><title>{QUOTING}</title></html>"),
    ),
    "a broken answer": (ScriptedFault("truncated", calls=()),),
    "no answer": (ScriptedFault("cut-after", calls=()),),
}


def leaks(text: str) -> list[str]:
    """The planted secrets in the text, in any of their forms."""
    forms = [SENDER_SECRET, USER_SECRET, SESSION]
    forms += [form.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for form in forms]
    forms += ["xQzKwj", "VyGnqp", "HjXkzt"]  # their ends, in case the rest is changed
    return [form for form in forms if form in text]


def files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder, as text."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes().decode("latin-1")


@pytest.mark.parametrize("fault", FAULTS)
def test_no_secret_is_printed_or_written(
    fault: str, intacct: Intacct, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = Emulator.empty(settings=WORLD, faults=FAULTS[fault], draw=lambda: SESSION, sleep=lambda _: None)
    monkeypatch.setattr(
        CommandContext,
        "open_client",
        lambda _, connection, **__: Client(connection, transport=emulator, system=WITHOUT_WAITING),
    )
    write_sample("journal-entries.csv", home / "work", as_of=AS_OF)
    environ = {
        "INTACCT_COMPANY_ID": "acme-books",
        "INTACCT_USER_ID": "robot",
        "INTACCT_USER_PASSWORD": USER_SECRET,
        "INTACCT_SENDER_ID": "acme",
        "INTACCT_SENDER_PASSWORD": SENDER_SECRET,
        "INTACCT_ENDPOINT_URL": "http://127.0.0.1/gateway",
        "INTACCT_ENVIRONMENT": "demo",
        "INTACCT_ARCHIVE": str(home / "archive"),
    }
    try:
        for words in COMMANDS:
            ran = intacct(*words, "-vv", **environ)
            assert leaks(ran.said) == [], words
            assert "A bug in Intacct Bridge" not in ran.said, ran.said
    finally:
        emulator.close()
    assert [(path, found) for path, text in files(home) if (found := leaks(text))] == []


def test_a_wrong_password_is_masked_too(intacct: Intacct, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = Emulator.empty(settings=WORLD)
    monkeypatch.setattr(
        CommandContext,
        "open_client",
        lambda _, connection, **__: Client(connection, transport=emulator, system=WITHOUT_WAITING),
    )
    environ = {
        "INTACCT_COMPANY_ID": "acme-books",
        "INTACCT_USER_ID": "robot",
        "INTACCT_USER_PASSWORD": "nearly-VyGnqp",
        "INTACCT_SENDER_ID": "acme",
        "INTACCT_SENDER_PASSWORD": SENDER_SECRET,
        "INTACCT_ENDPOINT_URL": "http://127.0.0.1/gateway",
        "INTACCT_ENVIRONMENT": "demo",
    }
    try:
        for words in (("connections", "test"), ("query", "VENDOR"), ("doctor", "--json")):
            ran = intacct(*words, "-vv", **environ)
            assert ran.status != 0
            assert leaks(ran.said) == []
    finally:
        emulator.close()


@pytest.mark.parametrize(
    "address",
    [
        "postgres:robot:VyGnqp@books/copy",
        "postgresql:/robot:VyGnqp@books/copy",
        "host=books user=robot password=VyGnqp",
        "password = 'xQzKwj VyGnqp' host=books",
    ],
)
def test_the_history_of_runs_keeps_no_password_of_an_address_that_is_written_wrongly(
    intacct: Intacct, home: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = Emulator.empty(settings=WORLD)
    monkeypatch.setattr(
        CommandContext,
        "open_client",
        lambda _, connection, **__: Client(connection, transport=emulator, system=WITHOUT_WAITING),
    )
    environ = {
        "INTACCT_COMPANY_ID": "acme-books",
        "INTACCT_USER_ID": "robot",
        "INTACCT_USER_PASSWORD": USER_SECRET,
        "INTACCT_SENDER_ID": "acme",
        "INTACCT_SENDER_PASSWORD": SENDER_SECRET,
        "INTACCT_ENDPOINT_URL": "http://127.0.0.1/gateway",
        "INTACCT_ENVIRONMENT": "demo",
        "INTACCT_RUN_HISTORY": str(home / "runs.sqlite3"),
    }
    try:
        for words in (["--to", address], [f"--to={address}"]):
            ran = intacct("extract", "VENDOR", *words, **environ)
            assert (ran.status, leaks(ran.said)) == (2, [])
        kept = intacct("runs", "list", "--json", **environ)
        assert (kept.status, '"extract"' in kept.said, leaks(kept.said)) == (0, True, [])
    finally:
        emulator.close()
    assert [(path, found) for path, text in files(home) if (found := leaks(text))] == []
