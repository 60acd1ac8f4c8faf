"""The library's way in: a client whose writes are kept in the outbox, as those of the commands are."""

from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

from intacct_bridge.client.client import Client, WriteSender
from intacct_bridge.client.connections.sources import load_connection
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.post.single_writes import OutboxWriter
from intacct_bridge.served_demo import demo_settings, means_demo
from intacct_bridge.wire.reply import Transport


class OutboxChoice(Enum):
    """The outbox of a client for which none is named."""

    USUAL = "the connection's own"


USUAL = OutboxChoice.USUAL
"""The outbox that the commands use for the same connection, opened with the first write. With a transport of the
caller's own, such as an emulator in this process, nothing is kept on this machine, so there is none."""


def connect(
    name: str | None = None,
    *,
    transport: Transport | None = None,
    max_transactions: int | None = None,
    outbox: Outbox | str | Path | OutboxChoice | None = USUAL,
    **settings: Any,
) -> Client:
    """A client for a named connection, or for the only one; settings given here override all others.

    Nothing is sent before the first call. The settings are those of `Connection`, such as `location_id="100"`. Creates,
    updates, upserts and deletes are kept in an outbox: the connection's own, the file or the open outbox that `outbox`
    names, or none for `outbox=None`. The caller closes an open outbox that it gives.

    Once `intacct demo` has run, `connect("demo")` is a client of its company, which a process in the background serves.
    """
    if transport is None and means_demo(name, tuple(settings)):
        settings = demo_settings() | settings
    connection = load_connection(name, **settings)
    if isinstance(outbox, str | Path):
        connection = replace(connection, outbox=str(outbox))
    writer: WriteSender | None = None
    if isinstance(outbox, Outbox):
        writer = OutboxWriter(outbox)
    elif outbox is not None and (transport is None or connection.outbox):
        writer = OutboxWriter()
    return Client(connection, transport=transport, max_transactions=max_transactions, writer=writer)
