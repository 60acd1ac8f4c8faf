"""The foundation of all servers: descriptors, slow clients, refused bodies, wrong tokens."""

import logging
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from intacct_bridge.apps.web import server as server_module
from intacct_bridge.apps.web.security import SecurityMiddleware, WrongTokens
from intacct_bridge.apps.web.server import BoundedProtocol, ToldOnce, http_server, listen, most_answered
from intacct_protocol.errors import SettingsError

Address = tuple[str, int]


async def answers(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers without reading the body."""
    status = 413 if scope["method"] == "POST" else 200
    await PlainTextResponse("The file is too large.\n" if status == 413 else "Here.\n", status)(scope, receive, send)


async def lets_through(_: Request) -> Response | None:
    return None


@contextmanager
def serving(application: Any = answers) -> Iterator[Address]:
    """A server in a thread, and its address."""
    with listen("127.0.0.1", 0) as listener:
        server = http_server(SecurityMiddleware(application, lets_through))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def all_of(line: socket.socket) -> bytes:
    return b"".join(iter(lambda: line.recv(65_536), b""))


GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def test_answers_are_not_held_back_for_larger_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nagle's algorithm with delayed acknowledgements costs each answer 40 ms (RFC 1122, 4.2.3.2 and 4.2.3.4)."""
    options = []
    made = BoundedProtocol.connection_made

    def noting(self: BoundedProtocol, transport: Any) -> None:
        made(self, transport)
        options.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(BoundedProtocol, "connection_made", noting)
    with serving() as address, socket.create_connection(address) as line:
        line.sendall(GET)
        assert all_of(line).endswith(b"Here.\n")
    assert options and all(options)


@pytest.mark.parametrize(
    ("soft", "most"), [(64, 16), (256, 64), (1024, 256), (1_048_576, 256), (resource.RLIM_INFINITY, 256), (3, 1)]
)
def test_fewer_connections_than_descriptors(monkeypatch: pytest.MonkeyPatch, soft: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, resource.RLIM_INFINITY))
    assert most_answered() == most


def test_connections_beyond_the_limit_are_turned_away_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four are answered, up to eight are open: one that is one too many is closed, and a request too many gets 503."""
    monkeypatch.setattr(server_module, "_MOST_ANSWERED", 4)
    with serving() as address, ExitStack() as lines:
        idle = [lines.enter_context(socket.create_connection(address)) for _ in range(8)]
        with socket.create_connection(address) as ninth:
            assert all_of(ninth) == b""
        idle[0].sendall(GET)
        assert all_of(idle[0]).split()[1] == b"503"
        for line in idle[:6]:
            line.sendall(GET)
            all_of(line)
            line.close()
        with socket.create_connection(address) as line:
            line.sendall(GET)
            assert all_of(line).endswith(b"Here.\n")


FEW_DESCRIPTORS = """
import resource, socket, sys
from threading import Thread
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from intacct_bridge.apps.web.security import SecurityMiddleware
from intacct_bridge.apps.web.server import http_server, listen
from starlette.responses import PlainTextResponse
async def through(request): return None
listener = listen("127.0.0.1", 0)
server = http_server(SecurityMiddleware(PlainTextResponse("Here.\\n"), through))
Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_two_hundred_connections_to_a_server_with_64_descriptors_leave_no_word_in_its_log() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", FEW_DESCRIPTORS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdin and program.stdout and program.stderr
    address = ("127.0.0.1", int(program.stdout.readline()))
    with ExitStack() as lines:
        for _ in range(200):
            lines.enter_context(socket.create_connection(address, timeout=30))
    with socket.create_connection(address, timeout=30) as line:
        line.sendall(GET)
        assert all_of(line).endswith(b"Here.\n")
    assert program.communicate(timeout=30)[1] == b""


def test_an_error_of_the_event_loop_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    told: Any = ToldOnce()
    with caplog.at_level(logging.ERROR):
        for _ in range(1000):
            told(None, {"message": "accept failed", "exception": OSError(24, "Too many open files")})
        told(None, {"message": "another", "exception": ValueError("x")})
    assert [record.message for record in caplog.records] == [
        "accept failed: OSError(24, 'Too many open files'). It is not told again.",
        "another: ValueError('x'). It is not told again.",
    ]
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "


def test_a_refused_body_is_read_to_its_end_so_that_the_client_sees_why() -> None:
    """A browser reads its answer once it has sent everything; on a connection that is closed before, it shows a fault
    of the connection in its place.
    """
    body = 40 << 20
    with serving() as address, socket.create_connection(address, timeout=30) as line:
        line.sendall(HEAD + str(body).encode() + b"\r\n\r\n")
        for _ in range(body >> 16):
            line.sendall(b"x" * (1 << 16))
        answer = all_of(line)
    assert answer.split()[1] == b"413"
    assert answer.endswith(b"The file is too large.\n")


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(HEAD + b"2000000000\r\n\r\n", id="larger than what is read"),
        pytest.param(HEAD + b"9000\r\nExpect: 100-continue\r\n\r\n", id="not sent before it is asked for"),
    ],
)
def test_a_body_that_does_not_come_is_not_waited_for(head: bytes) -> None:
    with serving() as address, socket.create_connection(address, timeout=4) as line:
        line.sendall(head)
        assert all_of(line).split()[1] == b"413"


def test_a_body_of_which_nothing_arrives_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "BODY_SECONDS", 0.05)
    with serving(reads_all) as address, socket.create_connection(address, timeout=30) as line:
        line.sendall(HEAD + b"9000\r\n\r\nthe beginning")
        assert all_of(line) == b""


async def reads_all(scope: Any, receive: Any, send: Any) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)}\n")(scope, receive, send)


def test_wrong_tokens_are_limited_and_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    moment = 1000.0
    wrong = WrongTokens(lambda: moment)
    assert [wrong.wait() for _ in range(60)] == [0] * 60
    assert [wrong.wait() for _ in range(3)] == [60] * 3
    assert len(caplog.records) == 1
    moment += 45
    assert wrong.wait() == 15
    moment += 15
    assert wrong.wait() == 0
    assert len(caplog.records) == 1


def test_a_taken_port_is_named() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(SettingsError, match="cannot serve on port"):
        listen(*listener.getsockname())
