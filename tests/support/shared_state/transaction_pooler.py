"""A pooler in transaction mode, as small as can be: all its clients share one session of the server, in turn."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from support.shared_state.cutting_proxy import answer_of, exactly, request_of, target_of


class TransactionPooler:
    """Listens on loopback, and signs every client in by itself."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        target = target_of(uri)
        self._server = socket.socket(socket.AF_UNIX if isinstance(target, str) else socket.AF_INET)
        self._server.connect(target)
        words = b"user\0postgres\0database\0" + parts.path.lstrip("/").encode() + b"\0\0"
        self._server.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
        answer_of(self._server)
        self._turn = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"postgresql://postgres@127.0.0.1:{self._listener.getsockname()[1]}{parts.path}?sslmode=disable"
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            (length,) = struct.unpack("!i", exactly(client, 4))
            exactly(client, length - 4)
            signed_in = b"R" + struct.pack("!ii", 8, 0) + b"K" + struct.pack("!iii", 12, 4711, 0)
            client.sendall(signed_in + b"Z" + struct.pack("!i", 5) + b"I")
            holding = False
            while request := request_of(client):
                if not holding:
                    self._turn.acquire()
                self._server.sendall(request)
                answer = answer_of(self._server)
                holding = answer[-1:] != b"I"
                if not holding:
                    self._turn.release()
                client.sendall(answer)

    def close(self) -> None:
        """End all connections."""
        for end in (self._listener, self._server, *self._clients):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
