"""A receiver by its address: a command, a web hook, a folder, a PostgreSQL database, a Python function."""

from collections.abc import Callable
from pathlib import Path

from intacct_bridge.changes.delivery import Receiver
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.uri_text import redacted

FORMS = "exec:COMMAND, https://ADDRESS, jsonl:DIR, postgresql://..., python:MODULE:FUNCTION, or load:CONNECTION"
TIMEOUT = 60.0


def open_receiver(
    address: str, *, secret: str = "", timeout: float = TIMEOUT, show: Callable[[str], object] = lambda _: None
) -> Receiver:
    """Open a receiver; SettingsError for an unknown form, and if it cannot be used.

    `secret` signs what a web hook gets. `timeout`: seconds for one delivery to a command or a web hook. `show` gets
    what a command prints.
    """
    scheme, colon, rest = address.partition(":")
    if scheme in ("https", "http"):
        from intacct_bridge.changes.receivers.webhook import WebhookReceiver

        return WebhookReceiver(address, secret=secret, timeout=timeout)
    if secret:
        raise SettingsError("a signing secret is for web hooks only", fix="deliver to https://, or leave it out")
    if colon and rest and scheme == "exec":
        from intacct_bridge.changes.receivers.command import CommandReceiver

        return CommandReceiver(rest, timeout=timeout, show=show)
    if colon and rest and scheme == "jsonl":
        from intacct_bridge.changes.receivers.json_files import JsonFilesReceiver

        return JsonFilesReceiver(Path(rest).expanduser())
    if scheme in ("postgresql", "postgres"):
        from intacct_bridge.changes.receivers.database import PostgresReceiver

        return PostgresReceiver(address)
    if scheme == "python":
        from intacct_bridge.changes.receivers.function import FunctionReceiver, function_named

        return FunctionReceiver(function_named(rest))
    raise SettingsError(f"{redacted(address)!r} is not a receiver", fix=f"use {FORMS}")
