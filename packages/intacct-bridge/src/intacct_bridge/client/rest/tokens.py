"""The OAuth token of one application, user and company, which all programs on all machines share.

A second authorization for the same user and company ends the first one: its calls fail with REST-2102, and so does its
refresh (seen in production, 2026). So a token is kept in the connection's database if there is one, or in a file
that only this account can read, and is renewed under a lock: one program renews it, and the others take what it got.
A refresh sends the client in the body, since the gateway refuses it in a Basic header.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from intacct_bridge.connections.connection import Connection
from intacct_bridge.machine.directories import state_directory
from intacct_bridge.machine.locks import locked
from intacct_bridge.machine.replaced_file import replaced
from intacct_bridge.machine.secret import unwrapped
from intacct_bridge.shared_state.place import shared_place
from intacct_protocol.errors import RemoteProtocolError, SettingsError, SignInError

RENEW_SECONDS = 300.0
"""A token that ends within this time is renewed before the next call; the clocks of machines differ a little."""
_FORMAT = 1
_LIFETIME = 43_200
"""Seconds that a token is valid if the answer does not say it: what every recorded answer said."""

Ask = Callable[[Mapping[str, str]], bytes]
"""Sends a form to the token endpoint, and gives the body of the answer. SignInError if it is refused."""


class Token(msgspec.Struct, frozen=True):
    """A token as it is kept."""

    access: str
    expires: float
    """Seconds since 1970."""
    refresh: str = ""
    format: int = _FORMAT


class _Granted(msgspec.Struct, frozen=True):
    """The answer of the token endpoint. Unknown members are ignored."""

    access_token: str
    refresh_token: str | None = None
    expires_in: int = _LIFETIME


class Tokens:
    """Gives the token for the next call. Threads may share it."""

    def __init__(self, connection: Connection, address: str, ask: Ask, *, wall: Callable[[], float]) -> None:
        holder = (address, connection.oauth_client_id, connection.company_id.lower(), connection.user_id.lower())
        self._name = f"oauth-{hashlib.sha256(msgspec.json.encode(holder)).hexdigest()[:32]}"
        self._connection = connection
        self._ask = ask
        self._wall = wall
        self._place = shared_place(connection)
        self._lock = threading.Lock()
        self._token: Token | None = None

    @property
    def file(self) -> Path:
        """Where the token is kept if the connection has no database."""
        return state_directory() / "tokens" / f"{self._name}.json"

    def current(self, dead: str = "") -> str:
        """A token that is valid for some minutes, and is not `dead`, which the gateway has refused."""
        with self._lock:
            if not self._usable(self._token, dead):
                self._token = self._shared(dead)
            assert self._token is not None
            return self._token.access

    def _usable(self, token: Token | None, dead: str) -> bool:
        return token is not None and token.access != dead and token.expires - RENEW_SECONDS > self._wall()

    def _shared(self, dead: str) -> Token:
        """The token that all programs share, renewed by this one if no other has done it."""

        def renewed(content: bytes) -> bytes:
            before = _read(content)
            if before is not None and self._usable(before, dead):
                return content
            return msgspec.json.encode(self._renewed(before))

        if self._place is not None:
            from intacct_bridge.shared_state.documents import changed_document

            return msgspec.json.decode(changed_document(self._place, self._name, renewed), type=Token)
        path = self.file
        try:
            with locked(path.with_suffix(".lock")):
                before = path.read_bytes() if path.is_file() else b""
                after = renewed(before)
                if after != before:
                    with replaced(path) as fresh:
                        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                        fresh.write_bytes(after)
        except OSError as error:
            raise SettingsError(
                f"the OAuth token cannot be kept in {path}: {error.strerror}",
                fix="Let this account write there: programs that each ask for a token end the tokens of the others.",
            ) from None
        return msgspec.json.decode(after, type=Token)

    def _renewed(self, before: Token | None) -> Token:
        if before is not None and before.refresh:
            form = {"grant_type": "refresh_token", "refresh_token": before.refresh, **self._client}
            try:
                return self._granted(form, before.refresh)
            except SignInError:  # it has ended, or another authorization ended it
                pass
        username = f"{self._connection.user_id}@{self._connection.company_id}"
        return self._granted({"grant_type": "client_credentials", "username": username, **self._client})

    @property
    def _client(self) -> dict[str, str]:
        return {
            "client_id": self._connection.oauth_client_id,
            "client_secret": unwrapped(self._connection.oauth_client_secret),
        }

    def _granted(self, form: Mapping[str, str], refresh: str = "") -> Token:
        """The token of an answer. A refresh may give no new refresh token: the old one then stays valid."""
        asked_at = self._wall()
        try:
            granted = msgspec.json.decode(self._ask(form), type=_Granted)
        except msgspec.DecodeError:
            raise RemoteProtocolError("the answer of the token endpoint has no token") from None
        return Token(granted.access_token, asked_at + granted.expires_in, granted.refresh_token or refresh)


def token_form(form: Mapping[str, str]) -> bytes:
    """The body of a request to the token endpoint."""
    return urlencode(form).encode()


def _read(content: bytes) -> Token | None:
    """A kept token; None if there is none, or it cannot be read: it can be asked for again."""
    try:
        token = msgspec.json.decode(content, type=Token)
    except msgspec.DecodeError:
        return None
    return token if token.format == _FORMAT else None
