"""The socket on which a server listens."""

import socket
from contextlib import suppress
from typing import Any

from intacct_protocol.errors import SettingsError

_WAITING = 128
"""Connections that may wait to be accepted."""


def listen_on(address: tuple[Any, ...], family: int = socket.AF_INET) -> socket.socket:
    """A listening socket. SettingsError for a port in use."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        fix = "Choose another `port`; 0 takes a free one."
        raise SettingsError(f"cannot serve on port {address[1]}: {error.strerror}", fix=fix, setting="port") from None
    listener.listen(_WAITING)
    return listener
