"""The command line at a real terminal: questions and answers, hidden passwords, Ctrl-C, width and colours.

Each command runs in a process of its own on a pseudo-terminal; a test types only after it has read the question.
"""

import json
import os
import select
import signal
import subprocess
import sys
import termios
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.apps.cli import connections
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
CTRL_C, CTRL_D = "\x03", "\x04"
LAUNCH = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "intacct_bridge", *sys.argv[1:]])
"""
ANSWERS = {
    "environment": "production",
    "company_id": "demo-company",
    "user_id": "demo-user",
    "user_password": "demo-user-password",
    "sender_id": "demo-sender",
    "sender_password": "demo-sender-password",
}
QUESTIONS = {"environment": "(production, implementation, demo): "}
QUESTIONS |= {setting: f"{question}: " for setting, question in connections._QUESTIONS.items()}
SECRETS = (ANSWERS["user_password"], ANSWERS["sender_password"])
KEYRING = """
import json, os, pathlib
from keyring.backend import KeyringBackend
kept = pathlib.Path(os.environ["HOME"], "keyring.json")
class Vault(KeyringBackend):
    priority = 5
    name = "test vault"
    def set_password(self, service, user, secret):
        kept.write_text(json.dumps({**self.all(), f"{service}/{user}": secret}))
    def delete_password(self, service, user):
        kept.write_text(json.dumps({name: one for name, one in self.all().items() if name != f"{service}/{user}"}))
    def get_password(self, service, user):
        return self.all().get(f"{service}/{user}")
    def all(self):
        return json.loads(kept.read_text()) if kept.exists() else {}
class Plain(Vault):
    priority = 0.5
class Broken(Vault):
    def set_password(self, service, user, secret):
        raise RuntimeError(secret)
class Stuck(Vault):
    def delete_password(self, service, user):
        raise RuntimeError(user)
"""


class Terminal:
    """A command on its own pseudo-terminal."""

    def __init__(self, *words: str, home: Path, columns: int = 80, **environ: str) -> None:
        self.screen, theirs = os.openpty()
        termios.tcsetwinsize(self.screen, (40, columns))
        plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd=home,
            env={
                **plain,
                "HOME": str(home),
                "TERM": "xterm",
                "PYTHONPATH": os.pathsep.join([str(home), *sys.path]),
                "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",  # never the keyring of the tests' user
                **environ,
            },
        )
        os.close(theirs)
        self._seen = 0
        self.said = ""

    def type(self, text: str, *, after: str) -> None:
        """Type after the text has appeared, behind the last text that was waited for."""
        while after not in self.said[self._seen :]:
            assert self._read(), f"it ended before {after!r}: {self.said}"
        self._seen = len(self.said)
        os.write(self.screen, text.encode())

    def answer(self, **answers: str) -> None:
        """Answer the questions of `connections add`; the blank behind a question appears when echo is off."""
        for setting, text in answers.items():
            self.type(f"{text}\n", after=QUESTIONS[setting])

    @property
    def echoes(self) -> bool:
        """Whether what is typed can be seen."""
        return bool(termios.tcgetattr(self.screen)[3] & termios.ECHO)

    def end(self, pressing: str = "") -> int:
        """Read up to the end, and return the exit status.

        The key is pressed again while nothing happens, as a person does: an interrupt between a question and the
        system call that waits for its answer is only noticed after the answer.
        """
        before = time.monotonic() + 120
        while self._read(pressing):
            assert time.monotonic() < before, f"it does not end: {self.said}"
        return self._process.wait(120)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(120)
        os.close(self.screen)

    def _read(self, pressing: str = "") -> bool:
        for _ in range(60):
            ready, _, _ = select.select([self.screen], [], [], 2)
            if ready:
                break
            if pressing:
                os.write(self.screen, pressing.encode())
        assert ready, f"it waits for something: {self.said}"
        try:
            said = os.read(self.screen, 65536)
        except OSError:  # how Linux says that the other side is closed
            return False
        self.said += said.decode(errors="replace").replace("\r\n", "\n")
        return bool(said)


class Terminals:
    """Commands on terminals in one home directory, closed after the test."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._open: list[Terminal] = []

    def __call__(self, *words: str, columns: int = 80, **environ: str) -> Terminal:
        self._open.append(Terminal(*words, home=self.home, columns=columns, **environ))
        return self._open[-1]

    @property
    def settings(self) -> Path:
        return self.home / ".config" / "intacct-bridge" / "intacct.toml"

    def close(self) -> None:
        for terminal in self._open:
            terminal.close()


@pytest.fixture
def at(home: Path) -> Iterator[Terminals]:
    (home / "user").mkdir()
    terminals = Terminals(home / "user")
    yield terminals
    terminals.close()


@pytest.fixture
def url() -> Iterator[str]:
    emulator = Emulator.empty()
    with serve(emulator) as server:
        yield server.url
    assert emulator.incidents == []
    emulator.close()


def test_a_new_connection_is_asked_for_tested_and_saved(at: Terminals, url: str) -> None:
    terminal = at("connections", "add", "books", "--endpoint", url)
    terminal.answer(**ANSWERS)
    assert terminal.end() == 0, terminal.said
    assert "Signed in to demo-company as demo-user" in terminal.said
    assert not any(secret in terminal.said for secret in SECRETS)
    assert at.settings.stat().st_mode & 0o077 == 0
    again = at("connections", "test")
    assert again.end() == 0, again.said


def test_a_wrong_sender_is_explained_and_nothing_is_saved(at: Terminals, url: str) -> None:
    terminal = at("connections", "add", "books", "--endpoint", url)
    terminal.answer(**ANSWERS | {"sender_id": "somebody-else"})
    assert terminal.end() == 3
    told = " ".join(terminal.said.split())
    assert "error connection 'books': The sender ID or the sender password is wrong." in told
    assert told.index("error ") < told.index("where ") < told.index("why ") < told.index("fix ")
    assert "Nothing was saved. To save connection books without signing in, add --no-test." in told
    assert not at.settings.exists()
    untested = at("connections", "add", "books", "--endpoint", url, "--no-test")
    untested.answer(**ANSWERS | {"sender_id": "somebody-else"})
    assert untested.end() == 0, untested.said
    assert "Signing in" not in untested.said
    assert "somebody-else" in at.settings.read_text()


def test_a_failed_sign_in_leaves_the_earlier_connection_and_its_passwords(at: Terminals, url: str) -> None:
    (at.home / "vaults.py").write_text(KEYRING)
    words = ("connections", "add", "books", "--endpoint", url)
    first = at(*words, PYTHON_KEYRING_BACKEND="vaults.Vault")
    first.answer(**ANSWERS)
    assert first.end() == 0, first.said
    kept = at.settings.read_bytes(), (at.home / "keyring.json").read_bytes()
    wrong = at(*words, PYTHON_KEYRING_BACKEND="vaults.Vault")
    wrong.answer(**ANSWERS | {"user_password": "mistyped"})
    assert wrong.end() == 3
    assert (at.settings.read_bytes(), (at.home / "keyring.json").read_bytes()) == kept
    assert at("connections", "test", PYTHON_KEYRING_BACKEND="vaults.Vault").end() == 0


def test_the_environment_is_asked_for_and_none_is_proposed(at: Terminals, url: str) -> None:
    terminal = at("connections", "add", "books", "--endpoint", url)
    terminal.answer(environment="")
    terminal.answer(environment="live")
    terminal.answer(**ANSWERS | {"environment": " Implementation "})
    assert terminal.end() == 0, terminal.said
    assert "[production]" not in terminal.said
    assert tomllib.loads(at.settings.read_text())["connections"]["books"]["environment"] == "implementation"
    given = at("connections", "add", "other", "--endpoint", url, "--environment", "demo")
    given.answer(**{setting: answer for setting, answer in ANSWERS.items() if setting != "environment"})
    assert given.end() == 0, given.said
    assert QUESTIONS["environment"] not in given.said


def test_passwords_go_to_the_keyring_where_there_is_one(at: Terminals, url: str) -> None:
    (at.home / "vaults.py").write_text(KEYRING)
    terminal = at("connections", "add", "books", "--endpoint", url, PYTHON_KEYRING_BACKEND="vaults.Vault")
    terminal.answer(**ANSWERS)
    assert terminal.end() == 0, terminal.said
    notice = "Passwords will be kept in the keyring of this system (test vault)."
    assert 0 < terminal.said.index(notice) < terminal.said.index(QUESTIONS["user_password"])
    assert not any(secret in at.settings.read_text() for secret in SECRETS)
    assert sorted(json.loads((at.home / "keyring.json").read_text()).values()) == sorted(SECRETS)
    assert at("connections", "test", PYTHON_KEYRING_BACKEND="vaults.Vault").end() == 0


def in_keyring(at: Terminals) -> list[str]:
    return sorted(json.loads((at.home / "keyring.json").read_text()))


def test_a_removed_connection_leaves_only_the_passwords_in_the_keyring_that_are_not_its_own(
    at: Terminals, url: str
) -> None:
    (at.home / "vaults.py").write_text(KEYRING)
    mine = ["intacct-bridge:books/sender_password", "intacct-bridge:books/user_password"]
    (at.home / "keyring.json").write_text('{"bank/user_password": "x", "intacct-bridge:old/user_password": "y"}')
    others = in_keyring(at)
    terminal = at("connections", "add", "books", "--endpoint", url, PYTHON_KEYRING_BACKEND="vaults.Vault")
    terminal.answer(**ANSWERS)
    assert terminal.end() == 0, terminal.said
    assert in_keyring(at) == sorted([*mine, *others])
    twin = '[connections.twin]\nsender_password = { keyring = "intacct-bridge:books/sender_password" }\n'
    hand = '[connections.hand]\nuser_password = { keyring = "bank/user_password" }\n'
    with at.settings.open("a") as file:
        file.write(f"\n{twin}\n{hand}")
    for name in ("books", "hand"):
        assert at("connections", "remove", name, PYTHON_KEYRING_BACKEND="vaults.Vault").end() == 0
    assert in_keyring(at) == sorted([mine[0], *others]), "what another connection refers to stays"


def test_a_keyring_that_cannot_forget_a_password_is_named(at: Terminals, url: str) -> None:
    (at.home / "vaults.py").write_text(KEYRING)
    terminal = at("connections", "add", "books", "--endpoint", url, PYTHON_KEYRING_BACKEND="vaults.Vault")
    terminal.answer(**ANSWERS)
    assert terminal.end() == 0, terminal.said
    removed = at("connections", "remove", "books", PYTHON_KEYRING_BACKEND="vaults.Stuck")
    assert removed.end() == 0
    said = " ".join(removed.said.split())
    assert "Removed connection books." in said
    assert "The keyring still has" in said
    assert "intacct-bridge:books/user_password" in said
    assert not any(secret in said for secret in SECRETS)


@pytest.mark.parametrize(
    ("backend", "option"), [("keyring.backends.fail.Keyring", ()), ("vaults.Plain", ()), ("vaults.Vault", ("--no-",))]
)
def test_without_a_keyring_the_file_is_named_before_a_password_is_typed(
    at: Terminals, url: str, backend: str, option: tuple[str, ...]
) -> None:
    (at.home / "vaults.py").write_text(KEYRING)
    words = ("connections", "add", "books", "--endpoint", url, *(f"{start}keyring" for start in option), "--quiet")
    terminal = at(*words, PYTHON_KEYRING_BACKEND=backend)
    terminal.answer(**ANSWERS)
    assert terminal.end() == 0, terminal.said
    notice = f"Passwords will be kept as plain text in {at.settings}, which only your account can read."
    assert 0 < terminal.said.index(notice) < terminal.said.index(QUESTIONS["user_password"])
    assert all(secret in at.settings.read_text() for secret in SECRETS)
    assert at.settings.stat().st_mode & 0o077 == 0
    assert not (at.home / "keyring.json").exists()


def test_a_wanted_keyring_that_is_missing_is_refused_before_any_question(at: Terminals, url: str) -> None:
    terminal = at("connections", "add", "books", "--endpoint", url, "--keyring")
    assert terminal.end() == 2
    assert "cannot be kept in a keyring: this system has none" in " ".join(terminal.said.split())
    assert not any(question in terminal.said for question in QUESTIONS.values())


def test_a_keyring_that_fails_leaves_nothing_and_names_the_way_out(at: Terminals, url: str) -> None:
    (at.home / "vaults.py").write_text(KEYRING)
    terminal = at("connections", "add", "books", "--endpoint", url, PYTHON_KEYRING_BACKEND="vaults.Broken")
    terminal.answer(**ANSWERS)
    assert terminal.end() == 2, terminal.said
    assert "The keyring cannot save the password (RuntimeError)" in terminal.said
    assert "--no-keyring" in terminal.said
    assert not any(secret in terminal.said for secret in SECRETS)
    assert not at.settings.exists()


def test_an_empty_answer_is_asked_for_again_and_an_id_is_stripped(at: Terminals, url: str) -> None:
    terminal = at("connections", "add", "books", "--endpoint", url)
    terminal.answer(environment="production", company_id="")
    terminal.answer(company_id="   ")
    terminal.answer(company_id="  demo-company\t", user_id="demo-user", user_password="")
    terminal.answer(**{name: ANSWERS[name] for name in ("user_password", "sender_id", "sender_password")})
    assert terminal.end() == 0, terminal.said


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
@pytest.mark.parametrize("question", ["company_id", "sender_password"])
def test_leaving_at_a_question_writes_nothing(at: Terminals, key: str, question: str) -> None:
    terminal = at("connections", "add", "books")
    for setting in list(ANSWERS)[: list(ANSWERS).index(question)]:
        terminal.answer(**{setting: ANSWERS[setting]})
    terminal.type(key, after=QUESTIONS[question])
    assert terminal.end(pressing=key) == 130
    assert "Traceback" not in terminal.said
    assert terminal.echoes
    assert not at.settings.exists()


def test_an_untrusted_endpoint_is_refused_before_any_question(at: Terminals) -> None:
    terminal = at("connections", "add", "books", "--endpoint", "https://intacct.com.example.org/x")
    assert terminal.end() == 2
    assert "is not in intacct.com" in " ".join(terminal.said.split())
    assert "Company ID" not in terminal.said
    assert not at.settings.exists()


def test_a_write_into_production_asks_first(at: Terminals, url: str) -> None:
    made = at("connections", "add", "books", "--endpoint", url)
    made.answer(**ANSWERS)
    assert made.end() == 0
    words = ("create", "DEPARTMENT", "DEPARTMENTID=9", "TITLE=Nine")
    no = at(*words)
    no.type("n\n", after="to company demo-company (production)? [y/N]:")
    assert no.end() == 2
    assert "Nothing was written" in no.said
    yes = at(*words)
    yes.type("y\n", after="to company demo-company (production)? [y/N]:")
    assert yes.end() == 0, yes.said
    assert "created DEPARTMENT" in yes.said


def test_a_table_fits_the_terminal_and_no_color_is_honoured(at: Terminals, url: str) -> None:
    settings = {f"INTACCT_{name.upper()}": value for name, value in ANSWERS.items()}
    terminal = at("objects", columns=40, INTACCT_ENDPOINT_URL=url, NO_COLOR="1", **settings)
    assert terminal.end() == 0
    assert "APBILL" in terminal.said
    assert max(map(len, terminal.said.splitlines())) <= 40
    assert "\x1b[3" not in terminal.said


def test_an_interrupted_emulator_shows_no_traceback(at: Terminals) -> None:
    terminal = at("emulator", "--company", "empty", "--port", "0")
    terminal.type(CTRL_C, after="Serving; press Ctrl-C to stop")
    assert terminal.end() in (0, 128 + signal.SIGINT)
    assert '{"api_url": "http://127.0.0.1:' in terminal.said
    assert "Traceback" not in terminal.said
