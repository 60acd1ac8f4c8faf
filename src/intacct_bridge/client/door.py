"""The way in: a client by the name of its connection."""

from typing import Any

from intacct_bridge.client.client import Client
from intacct_bridge.client.connections.sources import load_connection
from intacct_bridge.wire.reply import Transport


def connect(
    name: str | None = None,
    *,
    transport: Transport | None = None,
    max_transactions: int | None = None,
    **settings: Any,
) -> Client:
    """A client for a named connection, or for the only one there is; settings given here are stronger than all others.

    Nothing is sent before the first question. The settings are those of `Connection`, such as `location_id="100"`.
    """
    return Client(load_connection(name, **settings), transport=transport, max_transactions=max_transactions)
