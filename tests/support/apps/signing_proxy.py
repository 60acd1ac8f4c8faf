"""A reverse proxy with TLS that signs people in, as a team puts one in front of the console."""

import http.client
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
SIGNED_IN = "signed-in"
"""The cookie by which the proxy knows a person."""


@contextmanager
def signing_proxy(
    target: str, tls: ssl.SSLContext, people: Sequence[str], headers: dict[str, str], person_header: str
) -> Iterator[int]:
    """Serve at a port of its own: pass requests of these people on with these headers, and refuse all others.

    What a browser sends under the name of one of the headers is removed.
    """
    own_headers = {name.lower() for name in (*headers, person_header)}

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            return

        def _pass_on(self) -> None:
            cookies = dict(part.strip().partition("=")[::2] for part in self.headers.get("cookie", "").split(";"))
            person = cookies.pop(SIGNED_IN, "")
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if person not in people:
                self._answer(302, [("Location", "/oauth2/sign_in")], b"")
                return
            line = http.client.HTTPConnection(urlsplit(target).netloc, timeout=60)
            try:
                line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, text in self.headers.items():
                    if name.lower() not in own_headers | _OF_ONE_CONNECTION | {"host", "cookie"}:
                        line.putheader(name, text)
                cookie = "; ".join(f"{name}={text}" for name, text in cookies.items() if name)
                for name, text in {**headers, person_header: person, "Cookie": cookie}.items():
                    line.putheader(name, text)
                line.putheader("Content-Length", str(len(body)))
                line.endheaders(body)
                answer = line.getresponse()
                told = [pair for pair in answer.getheaders() if pair[0].lower() not in _OF_ONE_CONNECTION]
                self._answer(answer.status, told, answer.read())
            finally:
                line.close()

        do_GET = do_POST = _pass_on  # noqa: N815

        def _answer(self, status: int, told: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, text in [*told, ("Content-Length", str(len(body)))]:
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
