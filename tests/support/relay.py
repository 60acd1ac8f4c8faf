"""A relay in front of a gateway, which can keep a posting or its answer until its sender is dead."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import urllib3


class Relay:
    """Passes requests on. A request with the text `keep` is kept: before the gateway gets it, or behind the gateway."""

    def __init__(self, target: str) -> None:
        self.target, self.url = target, ""
        self.keep, self.passes_on = b"", True
        """The text, and whether the gateway gets a kept request."""
        self.kept = threading.Event()
        """A request is kept now, and the gateway has answered it if it got it."""
        self.ends = threading.Event()

    def reply(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes] | None:
        """The gateway's answer; None for a request that is kept, once the relay ends."""
        keeps = bool(self.keep) and self.keep in body
        answer = None
        if not keeps or self.passes_on:
            found = urllib3.request("POST", self.target, body=body, headers=headers, timeout=60)
            there, here = (urlsplit(url).netloc.encode() for url in (self.target, self.url))
            answer = found.status, found.data.replace(there, here)  # a session names its endpoint
        if keeps:
            self.kept.set()
            self.ends.wait()
            return None
        return answer


@contextmanager
def relayed(target: str) -> Iterator[Relay]:
    """A relay over HTTP to the gateway at this address."""
    relay = Relay(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            passed = {"Content-Type": self.headers.get("Content-Type", "application/xml")}
            answer = relay.reply(body, passed)
            if answer is None:
                self.close_connection = True
                return
            with suppress(OSError):  # the sender is dead
                self.send_response(answer[0])
                self.send_header("Content-Type", 'text/xml; encoding="UTF-8"')
                self.send_header("Content-Length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    relay.url = f"http://127.0.0.1:{server.server_address[1]}{urlsplit(target).path}"
    try:
        yield relay
    finally:
        relay.ends.set()
        server.shutdown()
        thread.join()
        server.server_close()
