"""A loader in a process of its own, which ends itself with kill -9 at a given step: `URL FILE OUTBOX STEP`.

The outbox is a path, or the URI of a database with its schema. Beside the loader's own steps there are two between the
last byte of the answer to a create and its results: `unpacking`, with a half of it unpacked, and `decoding`.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway import exchange, http
from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.shared_state.place import is_postgres, postgres_place
from intacct_protocol.xml.codec import decode_response
from intacct_protocol.xml.envelope import Response
from intacct_protocol.xml.reply import Reply
from support.load.journal import journal_layout
from support.small_company import connection


class Answer:
    """Ends the process in the answer to a create, which has come whole and is not read yet."""

    def __init__(self, die_at: str) -> None:
        self.die_at = die_at
        self.creates = False
        self._send, self._decompressor = http.HttpTransport.__call__, http._decompressor
        self._decode = decode_response

    def watch(self) -> None:
        """Take the places of what receives, unpacks and decodes."""
        answer = self

        def send(transport: http.HttpTransport, endpoint: str, body: bytes) -> Reply:
            answer.creates = b"<create>" in body
            return answer._send(transport, endpoint, body)

        for place, name, value in (
            (http.HttpTransport, "__call__", send),
            (http, "_decompressor", self.begin),
            (exchange, "decode_response", self.decode),
        ):
            setattr(place, name, value)

    def begin(self) -> tuple[Any, type[Exception], bool]:
        """Begin to unpack one answer."""
        self._member, damaged, goes_on = self._decompressor()
        return self, damaged, goes_on

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes:
        """Unpack as the real one; in the middle of it the process may end."""
        if self.creates and self.die_at == "unpacking":
            assert self._member.decompress(data[: len(data) // 2], max_length)
            die()
        return self._member.decompress(data, max_length)

    @property
    def eof(self) -> bool:
        """Whether all of it is unpacked."""
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        """The bytes behind it."""
        return self._member.unused_data

    def decode(self, body: bytes) -> Response:
        """Decode as the real one, or end the process with the whole answer in its memory."""
        if self.creates and self.die_at == "decoding":
            assert b"<RECORDNO>" in body
            die()
        return self._decode(body)


def die() -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, file: str, outbox_path: str, die_at: str) -> None:
    """Load the file; the step that is named is the last thing this process does."""

    def step(name: str) -> None:
        if name == die_at:
            die()

    if die_at in ("unpacking", "decoding"):
        Answer(die_at).watch()

    place = postgres_place(outbox_path, "") if is_postgres(outbox_path) else Path(outbox_path)
    with Client(connection(url), keep=False) as client, Outbox(place) as outbox:
        plan = make_plan(open_csv(Path(file)), journal_layout(), client, outbox)
        settings = LoadSettings(batch_size=2, concurrency=1)
        for outcome in Loader(client, outbox, settings, step=step).apply(plan):
            print(outcome.status.outcome_text, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
