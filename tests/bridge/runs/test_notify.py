"""Notifications: who wants one, and what a mail server, a web server and a program receive."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_string
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.connections.sources import SettingsSources
from intacct_bridge.runs.channels import find_channels
from intacct_bridge.runs.notify import notify
from intacct_bridge.runs.ongoing_reports import OngoingReports
from intacct_bridge.runs.run import RecordCounts, Run, RunError
from intacct_protocol.errors import SettingsError

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
FAILED = Run(
    id="ab" * 16, started=AT, ended=AT, status=3, command="load", flow="bills", connection="books",
    error=RunError("who is this?", "SignInError", "XL03000006", "sign-in", "Correct the password."),
)  # fmt: skip
DONE = Run(id="cd" * 16, started=AT, ended=AT, status=0, command="load", flow="bills", connection="books")
DOUBTFUL = Run(
    id="ef" * 16, started=AT, ended=AT, status=5, command="load", flow="bills", records=RecordCounts(7, in_doubt=2)
)
LETTERS = Run(id="12" * 16, started=AT, ended=AT, status=0, command="watch run", records=RecordCounts(dead_letters=1))
STOPPED = Run(id="34" * 16, started=AT, ended=AT, status=130, command="load")


def channels(tmp_path: Path, text: str, **environ: str) -> Any:
    (tmp_path / "intacct.toml").write_text(text)
    sources = SettingsSources(environ=environ, project=tmp_path, config=tmp_path / "none")
    return find_channels(("one",), sources)


@pytest.mark.parametrize(
    ("on", "wanted"),
    [
        ('["failure"]', [FAILED, DOUBTFUL]),
        ('["in doubt"]', [DOUBTFUL]),
        ('["dead letter"]', [LETTERS]),
        ('["always"]', [FAILED, DONE, DOUBTFUL, LETTERS, STOPPED]),
    ],
)
def test_a_receiver_gets_the_runs_that_it_wants(tmp_path: Path, on: str, wanted: list[Run]) -> None:
    (channel,) = channels(tmp_path, f'[notify.one]\ncommand = "true"\non = {on}\n')
    assert [one for one in (FAILED, DONE, DOUBTFUL, LETTERS, STOPPED) if channel.wants(one)] == wanted


class Mailbox(socketserver.StreamRequestHandler):
    """A mail server for one message, as RFC 5321 has it."""

    received: list[str]

    def handle(self) -> None:
        def say(line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        say("220 test")
        for raw in self.rfile:
            verb = raw.decode().strip().upper()
            if verb == "DATA":
                say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.received.append(b"".join(lines).decode())
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                self.received.append(raw.decode().strip())
                say("250 ok")


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_mail_says_what_ended_how(tmp_path: Path) -> None:
    received: list[str] = []
    handler = type("Handler", (Mailbox,), {"received": received})
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as server, serving(server):
        (channel,) = channels(
            tmp_path,
            f'[notify.one]\nmail = ["a@example.com", "b@example.com"]\nfrom = "bridge@example.com"\n'
            f'smtp = "127.0.0.1:{server.server_address[1]}"\n',
        )
        warnings: list[str] = []
        assert notify([channel], FAILED, warn=warnings.append) == ["one"]
    assert warnings == []
    assert [one for one in received if one.startswith("rcpt")] == ["rcpt TO:<a@example.com>", "rcpt TO:<b@example.com>"]
    mail = message_from_string(received[-1], policy=default)
    assert mail["Subject"] == "Flow bills on books: refused. who is this? No rows or records."
    assert mail["To"] == "a@example.com, b@example.com"
    assert "error fix: Correct the password." in mail.get_content()


@contextmanager
def web_server(status: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((dict(self.headers), body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server, serving(server):
        yield f"http://127.0.0.1:{server.server_port}/services/T0/secret-part", received


def test_a_webhook_gets_the_run_signed(tmp_path: Path) -> None:
    import base64
    import hashlib
    import hmac

    key = bytes(range(32))
    secret = "whsec_" + base64.b64encode(key).decode()
    with web_server(204) as (url, received):
        (channel,) = channels(tmp_path, f'[notify.one]\nwebhook = {{env = "HOOK"}}\nsecret = "{secret}"\n', HOOK=url)
        assert notify([channel], DOUBTFUL, warn=pytest.fail) == ["one"]
    ((headers, body),) = received
    told = json.loads(body)
    assert (told["end"], told["in_doubt"], told["posted"], told["exit_status"]) == ("in doubt", 2, 7, 5)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_a_webhook_that_fails_is_a_warning_without_its_address(tmp_path: Path) -> None:
    warnings: list[str] = []
    with web_server(500) as (url, _):
        (channel,) = channels(tmp_path, f'[notify.one]\nwebhook = "{url}"\n')
        assert notify([channel], FAILED, warn=warnings.append) == []
    assert notify([channel], FAILED, warn=warnings.append) == [], "now the server is gone"
    assert "it answered with HTTP 500" in warnings[0]
    assert all("secret-part" not in one for one in warnings)
    assert "secret-part" not in repr(channel)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no receiver of notifications 'one'"),
        ("[notify.one]\n", "line 1, [notify.one] needs one of mail, webhook, command"),
        ('[notify.one]\nwebhook = "http://example.com/x"\n', "line 2, [notify.one]: webhook is not an https address"),
        ('[notify.one]\ncommand = "x"\nonn = "always"\n', "line 3, [notify.one]: onn: there is no such key"),
        ('[notify.one]\ncommand = "x"\non = ["never"]\n', "'never' is not an occasion"),
        ('[notify.one]\nmail = "a@example.com"\n', "from is missing"),
        ('[notify.one]\nmail = "a@e.com"\nfrom = "b@e.com"\nsmtp = "m.e.com:x"\n', "'x' is not a port number"),
        (
            '[notify.one]\nmail = "a@e.com"\nfrom = "b@e.com"\nsmtp = "m.e.com"\npassword = "p"\ntls = "none"\n',
            "a password would be sent unencrypted",
        ),
        ("[notify.one]\ncommand = 7\n", "command must be a string or a list of strings"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_receiver_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        channels(tmp_path, text)
    assert said in refused.value.message


class Told:
    """Reports of a run that goes on, to a program that keeps what it gets, with a clock that a test moves."""

    def __init__(self, tmp_path: Path, on: str) -> None:
        self.now = 0.0
        self._file = tmp_path / "told"
        command = f'command = ["sh", "-c", "cat >> {self._file}; echo >> {self._file}"]'
        found = channels(tmp_path, f"[notify.one]\n{command}\non = {on}\n")
        self.reports = OngoingReports(found, warn=pytest.fail, clock=lambda: self.now)

    def note(self, failure: str = "", *, polled: bool = True, **counts: int) -> list[dict[str, Any]]:
        """The messages that a round brings."""
        self._file.unlink(missing_ok=True)
        self.reports.note(GOES_ON, RecordCounts(**counts), polled=polled, failure=failure)
        return [json.loads(line) for line in self._file.read_text().splitlines()] if self._file.exists() else []


GOES_ON = Run(id="56" * 16, started=AT, alive=True, command="watch run", flow="sync", records=RecordCounts(9, 0, 0, 5))


def test_dead_letters_of_a_run_that_goes_on_are_told_together(tmp_path: Path) -> None:
    told = Told(tmp_path, '["dead letter"]')
    assert told.note(posted=3) == []
    (first,) = told.note(dead_letters=2)
    assert (first["dead_letters"], first["end"], first["exit_status"]) == (2, "running", None)
    assert first["text"] == "Flow sync on : running. 3 posted, 2 dead letters."
    told.now = 599.0
    assert told.note(dead_letters=1) == []
    assert told.note(dead_letters=4, polled=False) == []
    told.now = 600.0
    (second,) = told.note()
    assert second["dead_letters"] == 5
    told.now = 6000.0
    assert told.note() == []


def test_a_failure_is_told_when_it_begins_and_again_after_a_success(tmp_path: Path) -> None:
    told = Told(tmp_path, '["failure"]')
    (first,) = told.note("VENDOR: no right to read it")
    assert first["error"]["message"] == "VENDOR: no right to read it"
    assert told.note("VENDOR: no right to read it") == []
    assert told.note(polled=False, posted=1) == []
    assert told.note("VENDOR: no right to read it") == [], "a round of deliveries says nothing about polls"
    assert told.note() == []
    assert len(told.note("no answer")) == 1
    assert told.note(dead_letters=1) == [], "this receiver wants failures only"


def test_a_receiver_of_doubts_hears_of_them_while_the_run_goes_on(tmp_path: Path) -> None:
    told = Told(tmp_path, '["in doubt"]')
    assert told.note("no answer", dead_letters=1) == []
    told.now = 600.0
    assert [one["in_doubt"] for one in told.note(in_doubt=1)] == [1]


def test_a_command_has_ended_although_what_it_started_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intacct_bridge.runs.notify.SECONDS", 1.0)
    found = channels(tmp_path, '[notify.one]\ncommand = ["sh", "-c", "sleep 4 & exit 0"]\non = "always"\n')
    assert notify(found, DONE, warn=pytest.fail) == ["one"]
