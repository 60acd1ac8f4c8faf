"""HttpTransport against a small server on loopback: requests, answers, and whether a broken request was sent."""

import gzip
import http.server
import itertools
import socket
import socketserver
import ssl
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intacct_bridge.client.gateway.http import HttpTransport, gunzipped, proxy_for
from intacct_protocol.errors import RemoteProtocolError, SettingsError
from intacct_protocol.xml.reply import ConnectionCutError
from support.client.gateway import connection

BODY = b"<response>" + b"x" * 100_000 + b"</response>"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the server's `act`, and keeps the requests."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self)
        self.server.act(self)

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/xml", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, act: Callable[[Handler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.act = act
        self.seen: list[Handler] = []
        self.closed = threading.Semaphore(0)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.closed.release()

    def handle_error(self, *_: Any) -> None:
        """A client that disconnects is part of the test."""


@contextmanager
def serving(act: Callable[[Handler], None], **values: Any) -> Iterator[tuple[HttpTransport, str, Server]]:
    server = Server(act)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    transport = HttpTransport(connection(**values), max_bytes=1_000_000)
    try:
        yield transport, f"http://127.0.0.1:{server.server_port}/ia/xml/xmlgw.phtml", server
    finally:
        transport.close()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_request_and_its_answer() -> None:
    with serving(lambda handler: handler.answer(BODY, Date="Wed, 14 Oct 2026 09:00:00 GMT")) as (send, url, server):
        reply = send(url, b"<request/>" * 20_000)
    assert (reply.status, reply.body) == (200, BODY)
    assert reply.headers["content-type"] == "text/xml"
    (seen,) = server.seen
    assert seen.path == "/ia/xml/xmlgw.phtml"
    assert seen.body == b"<request/>" * 20_000
    assert seen.headers["Content-Type"] == "application/xml"
    assert seen.headers["Accept-Encoding"] == "gzip"
    assert seen.headers["User-Agent"].startswith("intacct-bridge/")
    assert seen.headers["Transfer-Encoding"] is None


def test_a_user_agent_of_the_connection_takes_the_place_of_ours() -> None:
    with serving(lambda handler: handler.answer(BODY), user_agent="acme-etl/1.0 <data@acme.example>") as (
        send,
        url,
        server,
    ):
        send(url, b"<request/>")
    assert server.seen[0].headers["User-Agent"] == "acme-etl/1.0 <data@acme.example>"
    with pytest.raises(SettingsError, match="user_agent is"):
        connection(user_agent="acme\r\nX-Evil: 1")


def test_connections_are_reused() -> None:
    with serving(lambda handler: handler.answer(b"<response/>")) as (send, url, server):
        for _ in range(3):
            send(url, b"<request/>")
        assert len({handler.client_address for handler in server.seen}) == 1


def test_a_connection_that_the_server_closed_is_replaced() -> None:
    def once(handler: Handler) -> None:
        handler.answer(b"<response/>")
        handler.close_connection = True

    with serving(once) as (send, url, server):
        send(url, b"<request/>")
        assert server.closed.acquire(
            timeout=120
        )  # the close follows the answer; a request between the two is cut, and said to be
        assert send(url, b"<request/>").status == 200


@pytest.fixture(params=["isal", "zlib"])
def decompressor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With isal, and as where it is not installed."""
    if request.param == "isal":
        pytest.importorskip("isal")
    else:
        monkeypatch.setitem(sys.modules, "isal", None)


@pytest.mark.usefixtures("decompressor")
@pytest.mark.parametrize("members", [1, 3])
def test_gzip_is_decompressed(members: int) -> None:
    step = -(-len(BODY) // members)
    packed = b"".join(gzip.compress(BODY[at : at + step]) for at in range(0, len(BODY), step))
    with serving(lambda handler: handler.answer(packed, Content_Encoding="gzip")) as (send, url, _):
        assert send(url, b"<request/>").body == BODY


@pytest.mark.usefixtures("decompressor")
@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-9], lambda packed: b"\x00" + packed, lambda packed: packed[:50] + b"\xff" * 50]
)
def test_a_damaged_gzip_answer_counts_as_sent(damage: Callable[[bytes], bytes]) -> None:
    packed = damage(gzip.compress(BODY))
    with (
        serving(lambda handler: handler.answer(packed, Content_Encoding="gzip")) as (send, url, _),
        pytest.raises(ConnectionCutError, match="damaged") as caught,
    ):
        _ = send(url, b"<request/>").body
    assert caught.value.sent


@pytest.mark.usefixtures("decompressor")
@pytest.mark.parametrize("declared", [0, 1, len(BODY) - 1, len(BODY) + 1, 2**32 - 1])
def test_a_gzip_answer_that_declares_another_length_is_damaged(declared: int) -> None:
    packed = gzip.compress(BODY)[:-4] + declared.to_bytes(4, "little")
    with pytest.raises(zlib.error):
        gunzipped(packed, 1_000_000)


@pytest.mark.usefixtures("decompressor")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=20) | st.integers(0, 70_000).map(lambda length: b"ab" * length), max_size=5))
def test_members_of_any_length_are_decompressed(members: list[bytes]) -> None:
    packed = b"".join(gzip.compress(one) for one in members)
    assert gunzipped(packed, 1_000_000) == b"".join(members)


@pytest.mark.usefixtures("decompressor")
def test_an_answer_is_limited_compressed_or_not() -> None:
    bomb = gzip.compress(b"x" * 50_000_000)
    with (
        serving(lambda handler: handler.answer(bomb, Content_Encoding="gzip")) as (send, url, _),
        pytest.raises(RemoteProtocolError, match="longer than the limit of 1,000,000 bytes"),
    ):
        _ = send(url, b"<request/>").body
    with (
        serving(lambda handler: handler.answer(b"x" * 1_000_001)) as (send, url, _),
        pytest.raises(RemoteProtocolError, match="longer than"),
    ):
        send(url, b"<request/>")


@pytest.mark.usefixtures("decompressor")
def test_no_damage_to_a_gzip_answer_changes_its_text() -> None:
    packed = gzip.compress(BODY, mtime=0)
    for at in range(len(packed)):
        with pytest.raises(zlib.error) if at else nullcontext():
            assert gunzipped(packed[:at], 1_000_000) == b""
        for code in (packed[at] ^ 0x01, packed[at] ^ 0x80):
            with suppress(zlib.error):  # a change of the time or of the system in the header is none of the text
                assert gunzipped(packed[:at] + bytes([code]) + packed[at + 1 :], 1_000_000) == BODY


@pytest.mark.parametrize("status", [302, 400, 429, 500, 503, 524])
def test_any_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    def act(handler: Handler) -> None:
        handler.answer(b"<html><title>No</title></html>", status, Retry_After="7", Location="http://127.0.0.1:9/")

    with serving(act) as (send, url, server):
        reply = send(url, b"<request/>")
    assert (reply.status, reply.headers["retry-after"]) == (status, "7")
    assert len(server.seen) == 1


def test_a_connection_cut_before_the_answer_counts_as_sent() -> None:
    def hang_up(handler: Handler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    with (
        serving(hang_up) as (send, url, _),
        pytest.raises(ConnectionCutError, match="after the request was sent") as cut,
    ):
        send(url, b"<request/>")
    assert cut.value.sent


def test_a_truncated_answer_counts_as_sent() -> None:
    def half(handler: Handler) -> None:
        handler.answer(b"<response>", Content_Length="500")
        handler.close_connection = True

    with serving(half) as (send, url, _), pytest.raises(ConnectionCutError) as cut:
        send(url, b"<request/>")
    assert cut.value.sent


def test_a_missing_answer_counts_as_sent() -> None:
    done = threading.Event()

    def wait(_: Handler) -> None:
        done.wait(120)

    with serving(wait, timeout=0.05) as (send, url, _):
        try:
            with pytest.raises(ConnectionCutError, match="did not answer in time") as cut:
                send(url, b"<request/>")
        finally:
            done.set()
    assert cut.value.sent


@pytest.mark.parametrize(
    "begun", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<response>"]
)
def test_an_answer_that_never_ends_is_given_up_though_each_byte_comes_in_time(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock goes on by 70 seconds at each look: an answer has 30 for its first byte, and 90 for all others."""
    moments = itertools.count(0, 70)
    monkeypatch.setattr("intacct_bridge.client.gateway.http.time", SimpleNamespace(monotonic=lambda: next(moments)))
    done = threading.Event()

    def drip(accepted: socket.socket) -> None:
        accepted.recv(100_000)
        accepted.sendall(begun)
        done.wait(120)

    with listening(drip) as port, HttpTransport(connection(timeout=30, answer_timeout=90)) as send:
        try:
            with pytest.raises(ConnectionCutError, match="did not answer in time") as cut:
                send(f"http://127.0.0.1:{port}/", b"<request/>")
        finally:
            done.set()
    assert cut.value.sent


@contextmanager
def listening(act: Callable[[socket.socket], None]) -> Iterator[int]:
    """A plain socket that runs one function on the first connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(120)  # a test that fails before it connects ends all the same

        def run() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(120)
                act(accepted)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join()


def test_a_connection_that_breaks_while_sending_counts_as_not_sent() -> None:
    def reset(accepted: socket.socket) -> None:
        accepted.recv(1000)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with (
        listening(reset) as port,
        HttpTransport(connection()) as send,
        pytest.raises(ConnectionCutError, match="the request was not sent") as cut,
    ):
        send(f"http://127.0.0.1:{port}/", b"<request>" + b"x" * 50_000_000)
    assert not cut.value.sent


def test_an_unreachable_host_counts_as_not_sent() -> None:
    with socket.socket() as silent:  # bound, so that nobody else gets the port, and never listening
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with HttpTransport(connection()) as send, pytest.raises(ConnectionCutError, match="cannot be reached") as cut:
            send(f"http://127.0.0.1:{port}/", b"<request/>")
    assert not cut.value.sent and cut.value.fix


def test_a_failed_tls_handshake_counts_as_not_sent() -> None:
    def answer_plainly(accepted: socket.socket) -> None:
        assert accepted.recv(10_000)
        accepted.sendall(b"HTTP/1.1 400 No\r\n\r\n")

    with (
        listening(answer_plainly) as port,
        HttpTransport(connection()) as send,
        pytest.raises(ConnectionCutError, match="TLS connection") as cut,
    ):
        send(f"https://127.0.0.1:{port}/", b"<request/>")
    assert not cut.value.sent and "ca_bundle" in cut.value.fix


def test_a_ca_bundle_is_used_and_a_wrong_one_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ca_bundle .*No such file"):
        HttpTransport(connection(ca_bundle=str(tmp_path / "none.pem")))
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(SettingsError, match="holds no certificate"):
        HttpTransport(connection(ca_bundle=str(tmp_path / "empty.pem")))
    authorities = ssl.get_default_verify_paths().cafile
    if authorities and Path(authorities).exists():
        HttpTransport(connection(ca_bundle=authorities)).close()


# --- proxies


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def test_the_proxy_variables_are_honoured(no_proxies: pytest.MonkeyPatch) -> None:
    assert proxy_for("https://api.intacct.com/x") == ""
    no_proxies.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert proxy_for("https://api.intacct.com/x") == "http://proxy.example:3128"
    assert proxy_for("http://127.0.0.1:80/x") == ""
    no_proxies.setenv("NO_PROXY", ".intacct.com")
    assert proxy_for("https://api.intacct.com/x") == ""


def test_a_request_goes_through_the_proxy_and_no_error_shows_its_password(
    no_proxies: pytest.MonkeyPatch,
) -> None:
    heard: list[bytes] = []

    def refuse(accepted: socket.socket) -> None:
        heard.append(accepted.recv(10_000))
        accepted.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with listening(refuse) as port:
        no_proxies.setenv("HTTPS_PROXY", f"http://someone:planted@127.0.0.1:{port}")
        with HttpTransport(connection()) as send, pytest.raises(ConnectionCutError, match=r"proxy .*407") as cut:
            send("https://api.intacct.com/x", b"<request/>")
    assert heard[0].startswith(b"CONNECT api.intacct.com:443")
    assert b"Proxy-Authorization: Basic c29tZW9uZTpwbGFudGVk" in heard[0].replace(b"proxy-auth", b"Proxy-Auth").replace(
        b"-authorization: b", b"-Authorization: B"
    )
    assert not cut.value.sent
    assert "planted" not in f"{cut.value!r} {cut.value} {cut.value.__cause__}"
