"""A proxy before a PostgreSQL server that cuts a connection at a statement: before it arrives, or after it was done.

The protocol is a request and its answer: a request ends with a Query or Sync message, an answer with ReadyForQuery.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import parse_qs, urlsplit

BEFORE, AFTER = "before", "after"
Decide = Callable[[bytes], str]
"""Gets a request and says `before`, `after`, or nothing if it is to pass."""


class CuttingProxy:
    """Listens on loopback; `decide` is asked for each request of each connection, the sign-in apart."""

    def __init__(self, uri: str, decide: Decide = lambda _: "") -> None:
        parts = urlsplit(uri)
        self._target = target_of(uri)
        self.decide = decide
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        user = f"{parts.username}@" if parts.username else ""
        self.uri = f"postgresql://{user}127.0.0.1:{self.port}{parts.path}?sslmode=disable"
        self.refusing = False
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET)
        with self._guard:
            self._open |= {client, server}
        try:
            server.connect(self._target)
            (length,) = struct.unpack("!i", exactly(client, 4))
            server.sendall(struct.pack("!i", length) + exactly(client, length - 4))
            client.sendall(answer_of(server))
            while request := request_of(client):
                cut = self.decide(request)
                if cut == BEFORE:
                    return
                server.sendall(request)
                answer = answer_of(server)
                if cut == AFTER:
                    return
                client.sendall(answer)
        except OSError:
            pass
        finally:
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            with self._guard:
                self._open -= {client, server}

    def cut_all(self) -> None:
        """Cut every connection now."""
        with self._guard:
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening, and cut every connection."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()
        for thread in self._threads:
            thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def target_of(uri: str) -> str | tuple[str, int]:
    """The Unix socket, or the host and port, of a server."""
    parts = urlsplit(uri)
    host = parse_qs(parts.query).get("host", [parts.hostname or "localhost"])[0]
    return f"{host}/.s.PGSQL.{parts.port or 5432}" if host.startswith("/") else (host, parts.port or 5432)


def request_of(client: socket.socket) -> bytes:
    """All messages up to a Query or Sync; empty where the client is gone."""
    found = b""
    while True:
        try:
            head = exactly(client, 5)
        except OSError:
            return b""
        (length,) = struct.unpack("!i", head[1:])
        found += head + exactly(client, length - 4)
        if head[:1] in b"QSp":
            return found
        if head[:1] == b"X":
            return b""


def answer_of(server: socket.socket) -> bytes:
    """All messages up to ReadyForQuery, a request for a password, or the server's end."""
    found = b""
    while True:
        try:
            head = exactly(server, 5)
        except OSError:
            if found:
                return found
            raise
        (length,) = struct.unpack("!i", head[1:])
        body = exactly(server, length - 4)
        found += head + body
        if head[:1] == b"Z" or (head[:1] == b"R" and struct.unpack("!i", body[:4])[0] not in (0, 12)):
            return found


def exactly(end: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = end.recv(size - len(found))
        if not piece:
            raise ConnectionResetError("closed")
        found += piece
    return found
