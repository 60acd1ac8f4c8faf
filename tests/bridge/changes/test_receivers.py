"""Receivers, each judged by a program of others: the specifications' own libraries, a real server, a real process."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook, WebhookVerificationError

from intacct_bridge.changes.delivery import DeliveryError
from intacct_bridge.changes.event import ChangeEvent, ChangeKind, FieldChange
from intacct_bridge.changes.receivers import WebhookReceiver, open_receiver
from intacct_bridge.machine.locks import try_lock
from intacct_bridge.machine.running_commands import RunningCommands
from intacct_protocol.errors import SettingsError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = ChangeEvent(
    7,
    "acme.test",
    "APBILL",
    "15",
    ChangeKind.UPDATED,
    datetime(2026, 11, 30, 12, tzinfo=UTC),
    {"RECORDNO": 15, "TOTALDUE": Decimal("10.10"), "MEMO": 'a "quoted" line\nand another'},
    {"TOTALDUE": FieldChange(Decimal("0.30"), Decimal("10.10"))},
)


class Hook:
    """A receiver of posts; it answers with the statuses that a test wants, and then with 204."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.got.append(({name.lower(): text for name, text in self.headers.items()}, body))
                status = hook.statuses.pop(0) if hook.statuses else 204
                self.send_response(status)
                self.send_header("retry-after", "30")
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


def test_a_web_hook_gets_a_cloud_event_that_the_specifications_libraries_accept(hook: Hook) -> None:
    receiver = open_receiver(hook.url, secret=SECRET)
    receiver.deliver([EVENT])
    receiver.deliver([EVENT])
    receiver.close()
    (headers, body), (again, _) = hook.got
    assert Webhook(SECRET).verify(body, headers)
    assert headers["webhook-id"] == again["webhook-id"] == "acme%2Etest:APBILL:15:7"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)
    event = from_http_event(HTTPMessage(headers, body), JSONFormat())
    assert event.get_specversion() == "1.0"
    assert (event.get_id(), event.get_type()) == ("acme%2Etest:APBILL:15:7", "intacct.apbill.updated")
    assert (event.get_subject(), event.get_time()) == ("15", EVENT.at)
    data = json.loads(body, parse_float=Decimal)["data"]
    assert data["record"]["TOTALDUE"] == Decimal("10.10")
    assert data["changed"] == {"TOTALDUE": {"old": Decimal("0.30"), "new": Decimal("10.10")}}


def test_several_events_are_a_batch_with_one_signature(hook: Hook) -> None:
    receiver = open_receiver(hook.url, secret=SECRET)
    receiver.deliver([EVENT, replace(EVENT, number=8, key="16")])
    receiver.close()
    ((headers, body),) = hook.got
    assert headers["content-type"].startswith("application/cloudevents-batch+json")
    assert Webhook(SECRET).verify(body, headers)
    assert [one["subject"] for one in json.loads(body)] == ["15", "16"]


@pytest.mark.parametrize("status", [301, 400, 410, 429, 500])
def test_every_answer_but_success_is_a_failed_delivery(hook: Hook, status: int) -> None:
    hook.statuses = [status]
    receiver = open_receiver(hook.url)
    with pytest.raises(DeliveryError, match=f"HTTP {status}") as failed:
        receiver.deliver([EVENT])
    assert failed.value.retry_after == 30
    assert failed.value.final == (status == 410)
    receiver.close()
    assert len(hook.got) == 1  # a redirect is not followed


@pytest.fixture
def raw() -> Iterator["RawHook"]:
    made = RawHook()
    yield made
    made.close()


class RawHook:
    """A receiver that a test answers for, byte by byte; it takes one connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/hook"
        self.request = b""
        self._thread: threading.Thread | None = None

    def answer(self, pieces: Iterable[bytes]) -> None:
        self._thread = threading.Thread(target=self._serve, args=(pieces,))
        self._thread.start()

    def _serve(self, pieces: Iterable[bytes]) -> None:
        line, _ = self._listener.accept()
        with line, suppress(OSError):
            self.request = line.recv(1 << 20)
            for piece in pieces:
                line.sendall(piece)

    def close(self) -> None:
        self._listener.close()
        if self._thread is not None:
            self._thread.join()


def test_an_answer_that_comes_byte_by_byte_is_not_awaited_for_ever(raw: RawHook) -> None:
    def slowly() -> Iterator[bytes]:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
            yield bytes([byte])
            time.sleep(0.1)

    raw.answer(slowly())
    receiver = open_receiver(raw.url, timeout=0.2)
    with pytest.raises(DeliveryError, match=r"did not answer within 0\.2 seconds"):
        receiver.deliver([EVENT])
    receiver.close()


def test_of_an_endless_answer_only_the_beginning_is_read(raw: RawHook) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        yield b"HTTP/1.1 500 Broken\r\n\r\n"
        for _ in range(200):
            yield b"x" * (1 << 20)
            sent.append(1)

    raw.answer(endless())
    receiver = open_receiver(raw.url)
    with pytest.raises(DeliveryError, match="HTTP 500: xxx"):
        receiver.deliver([EVENT])
    receiver.close()
    raw.close()
    assert len(sent) < 200


def test_what_follows_a_status_of_success_does_not_matter(raw: RawHook) -> None:
    """The receiver has taken the event, although its answer is cut off."""
    raw.answer([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
    receiver = open_receiver(raw.url)
    receiver.deliver([EVENT])
    receiver.close()


def test_a_user_in_the_address_is_sent_as_basic_authentication_and_named_nowhere(raw: RawHook) -> None:
    raw.answer([b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"])
    receiver = open_receiver(raw.url.replace("//", "//anna:p%40ss@"))
    with pytest.raises(DeliveryError) as failed:
        receiver.deliver([EVENT])
    receiver.close()
    head = raw.request.partition(b"\r\n\r\n")[0].lower()
    assert b"authorization: basic " + base64.b64encode(b"anna:p@ss").lower() in head
    assert "anna" not in str(failed.value)


@pytest.mark.parametrize(
    ("asked", "seconds"), [("120", 120), ("Mon, 30 Nov 2026 12:02:00 GMT", 120), ("soon", None), ("9" * 400, inf)]
)
def test_the_time_that_a_receiver_asks_for(raw: RawHook, asked: str, seconds: float | None) -> None:
    raw.answer([f"HTTP/1.1 503 Busy\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n".encode()])
    receiver = WebhookReceiver(raw.url, timeout=60, now=EVENT.at.timestamp)
    with pytest.raises(DeliveryError) as failed:
        receiver.deliver([EVENT])
    receiver.close()
    assert failed.value.retry_after == seconds


def test_a_time_that_a_receiver_asks_for_is_by_its_own_clock(raw: RawHook) -> None:
    times = b"Date: Mon, 30 Nov 2026 12:00:00 GMT\r\nRetry-After: Mon, 30 Nov 2026 12:02:00 GMT"
    raw.answer([b"HTTP/1.1 503 Busy\r\n%s\r\nContent-Length: 0\r\n\r\n" % times])
    receiver = WebhookReceiver(raw.url, timeout=60, now=lambda: EVENT.at.timestamp() + 86_400)
    with pytest.raises(DeliveryError) as failed:
        receiver.deliver([EVENT])
    receiver.close()
    assert failed.value.retry_after == 120


def test_an_address_that_does_not_answer_is_a_failed_delivery_that_hides_the_path() -> None:
    receiver = open_receiver("http://127.0.0.1:9/secret-path")
    with pytest.raises(DeliveryError, match=r"http://127\.0\.0\.1:9 did not answer") as failed:
        receiver.deliver([EVENT])
    assert "secret" not in str(failed.value)
    receiver.close()


@pytest.mark.parametrize(
    ("address", "secret", "words"),
    [
        ("http://example.com/hook", "", "not encrypted"),
        ("https://example.com:99999/hook", "", "not complete"),
        ("https://[::1/hook", "", "not complete"),
        ("https:///hook", "", "not complete"),
        ("https://example.com/hook", "whsec_c2hvcnQ=", "24 to 64 bytes"),
        ("https://example.com/hook", "no-prefix", "whsec_"),
        ("exec:true", SECRET, "web hooks only"),
        ("ftp://example.com", "", "is not a receiver"),
        ("exec:", "", "is not a receiver"),
        ("python:no_such_module:function", "", "cannot be imported"),
        ("python:json:no_such_function", "", "has no function"),
        ("python:json", "", "names no function"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_at_once(address: str, secret: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        open_receiver(address, secret=secret)


def test_a_command_gets_json_lines_and_its_exit_status_counts(tmp_path: Path) -> None:
    file = tmp_path / "got.jsonl"
    open_receiver(f"exec:cat >> {file}").deliver([EVENT, replace(EVENT, number=8)])
    lines = [json.loads(line, parse_float=Decimal) for line in file.read_text().splitlines()]
    assert [one["sequence"] for one in lines] == [7, 8]
    assert lines[0]["record"] == dict(EVENT.record)
    with pytest.raises(DeliveryError, match="exit status 3: it is broken"):
        open_receiver("exec:echo it is broken; exit 3").deliver([EVENT])
    with pytest.raises(DeliveryError, match=r"did not end within 0\.2 seconds"):
        open_receiver(f"exec:{sys.executable} -c 'import time; time.sleep(60)' | cat", timeout=0.2).deliver([EVENT])


def test_a_command_has_ended_although_what_it_started_goes_on() -> None:
    open_receiver("exec:sleep 4 & exit 0", timeout=1).deliver([EVENT])


def test_a_command_that_does_not_read_has_still_taken_the_events() -> None:
    open_receiver("exec:true").deliver([replace(EVENT, record={"MEMO": "x" * 1_000_000})])


@pytest.mark.skipif(os.name == "nt", reason="commands are noted on Unix")
@pytest.mark.parametrize("before", ["", "sleep 60 & "], ids=["a command", "a command that started another"])
def test_the_command_of_a_killed_watch_takes_nothing_after_later_events(tmp_path: Path, before: str) -> None:
    """The watch is killed while its command has event 7 and waits for a reader of its pipe before it keeps it."""
    begun, go, file = tmp_path / "begun", tmp_path / "go", tmp_path / "got.jsonl"
    for pipe in (begun, go):
        os.mkfifo(pipe)
    command = f'exec:{before}event=$(cat); echo > {begun}; read line < {go}; echo "$event" >> {file}'
    killed = os.fork()
    if not killed:
        try:
            open_receiver(command, running=RunningCommands(tmp_path / "commands")).deliver([EVENT])
        finally:
            os._exit(1)
    begun.read_text()
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    receiver = open_receiver(f"exec:cat >> {file}", running=RunningCommands(tmp_path / "commands"))
    with pytest.raises(OSError, match="No such device"):  # no process reads the pipe any more
        os.open(go, os.O_WRONLY | os.O_NONBLOCK)
    receiver.deliver([replace(EVENT, number=8)])
    assert [json.loads(line)["sequence"] for line in file.read_text().splitlines()] == [8]
    assert list((tmp_path / "commands").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="commands are noted on Unix")
def test_what_the_command_of_a_killed_watch_left_running_goes_on(tmp_path: Path) -> None:
    """The number in the file is of a process that leads no session: the command itself has ended."""
    left = subprocess.Popen(["sleep", "60"])
    try:
        note = tmp_path / "commands" / "of a command that has ended"
        note.parent.mkdir()
        with note.open("w+b") as file:
            file.write(str(left.pid).encode())
            file.flush()
            assert try_lock(file)
            RunningCommands(note.parent).end()
        assert (note.exists(), left.poll()) == (False, None)
    finally:
        left.kill()
        left.wait()


def test_files_get_whole_lines_also_after_a_process_was_killed_while_writing(tmp_path: Path) -> None:
    receiver = open_receiver(f"jsonl:{tmp_path}")
    receiver.deliver([EVENT])
    file = tmp_path / "APBILL.jsonl"
    with file.open("ab") as cut:
        cut.write(b'{"id": "half a li')
    receiver.deliver([replace(EVENT, number=8)])
    assert [json.loads(line)["sequence"] for line in file.read_text().splitlines()] == [7, 8]


def events_in(uri: str) -> list[int]:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT sequence FROM intacct_events ORDER BY 1")
        return [number for (number,) in cursor.fetchall()]


def test_a_postgres_table_holds_each_event_once(postgres: str) -> None:
    from adbc_driver_postgresql import dbapi

    receiver = open_receiver(postgres)
    receiver.deliver([EVENT, replace(EVENT, number=8, changed=None)])
    receiver.deliver([EVENT])
    receiver.close()
    with dbapi.connect(postgres) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT sequence, key, kind, record->>'TOTALDUE', changed IS NULL FROM intacct_events ORDER BY 1"
        )
        assert cursor.fetchall() == [(7, "15", "updated", "10.10", False), (8, "15", "updated", "10.10", True)]


def test_a_postgres_table_refuses_an_event_of_another_event_log_under_a_known_id(postgres: str) -> None:
    receiver = open_receiver(postgres)
    receiver.deliver([EVENT])
    later = replace(EVENT, at=EVENT.at + timedelta(days=1))
    with pytest.raises(DeliveryError, match="has another event under the id acme"):
        receiver.deliver([replace(EVENT, number=8), later])
    receiver.deliver([EVENT, replace(EVENT, number=9)])
    receiver.close()
    assert events_in(postgres) == [7, 9]


def test_a_python_function_is_called_with_each_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_handlers.py").write_text("got = []\ndef keep(event):\n    got.append(event)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    open_receiver("python:my_handlers:keep").deliver([EVENT])
    assert sys.modules.pop("my_handlers").got == [EVENT]
