"""A link: one open connection to a PostgreSQL server, with its answers and its errors.

It is not called a connection, since that word stands for the settings of a company. The driver is pg8000.
"""

import ssl
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from intacct_bridge.shared_state.database import Row
from intacct_bridge.shared_state.place import (
    CANCELLED_FIX,
    HOST_FIX,
    NO_TLS_FIX,
    ROOT_FIX,
    PostgresPlace,
    Server,
    server_of,
)
from intacct_protocol.errors import BusyError, IntacctError, SettingsError, UnreachableError

APPLICATION = "intacct-bridge"
"""The application name that the server's views show; the name of the schema follows it."""
ANSWER_SECONDS = 30
"""Seconds to wait for an answer of the server: longer than the wait for another process's transaction."""
_NO_CONNECTION_LEFT = "53300"
_CONNECTION_ENDS = ("08", "57P01", "57P02", "57P03", _NO_CONNECTION_LEFT)
"""SQL states of a server that ends the connection, starts, stops, or has no connection left."""
_NO_TABLE, _NO_SCHEMA, _READ_ONLY, _FORBIDDEN, _LOCK_TIMEOUT = "42P01", "3F000", "25006", "42501", "55P03"
_DEADLOCK, _TAKEN, _DIVIDED_BY_ZERO = "40P01", "23505", "22012"

_FIXES = {
    "28P01": "check the user and the password, in the URI or in PGUSER and PGPASSWORD; escape special characters in the"
    " password, such as %40 for @ and %2F for /",
    "28000": "check the user, in the URI or in PGUSER, and let the server accept it in pg_hba.conf",
    "3D000": "check the name of the database in the URI, or create it with CREATE DATABASE",
    "57014": CANCELLED_FIX,
    "53100": "Make room on the disk of the database server, and run it again",
}
"""What to do, by SQL state."""
_OTHER_HOST = (62, 64)
"""OpenSSL's numbers of the error that a certificate is of another host or address."""


class MissingTableError(SettingsError):
    """The schema, or a table in it, is not there."""


class NoRightError(SettingsError):
    """The server does not let the user do it."""


class TakenError(SettingsError):
    """A row has what only one may have, and another one has it."""


class ChangedPartError(SettingsError):
    """The part was moved or upgraded meanwhile, which statements that are sent together find by a division by zero."""


class NamedRow(tuple[Any, ...]):
    """A row with the names of its columns."""

    names: tuple[str, ...]

    def keys(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self.names

    def __getitem__(self, key: Any) -> Any:
        """A value by its position or name."""
        return tuple.__getitem__(self, self.names.index(key) if isinstance(key, str) else key)


class PostgresAnswer:
    """What a statement gave."""

    def __init__(self, context: Any) -> None:
        names = tuple(column["name"] for column in context.columns or ())
        kind = _row_kind(names)
        self._rows = iter([kind(row) for row in context.rows or ()])
        self.rowcount: int = context.row_count

    def fetchone(self) -> Row:
        """The next row, or None."""
        return next(self._rows, None)

    def fetchall(self) -> list[Row]:
        """The rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return self._rows


@cache
def _row_kind(names: tuple[str, ...]) -> type[NamedRow]:
    return type("NamedRow", (NamedRow,), {"names": names})


def open_link(place: PostgresPlace, *, shared: bool = False, within: float = ANSWER_SECONDS) -> Any:
    """Connect to the server. UnreachableError or SettingsError if that fails. It waits so long for each answer.

    A `shared` link serves several schemas: its application name has none, so that `others` does not count it.
    """
    try:
        from pg8000.core import CoreConnection
        from pg8000.exceptions import DatabaseError, InterfaceError
    except ImportError:
        raise SettingsError(
            "PostgreSQL needs the postgres extra", fix="pip install 'intacct-bridge[postgres]'"
        ) from None
    server = server_of(place.uri)
    context = _ssl(place, server)
    try:
        link = CoreConnection(
            server.user,
            host=server.host,
            database=server.database,
            port=server.port,
            password=server.password,
            unix_sock=server.socket,
            ssl_context=context,
            timeout=min(within, server.connect_timeout),
            application_name=APPLICATION if shared else application_name(place),
        )
        link._usock.settimeout(within)
    except (DatabaseError, InterfaceError, OSError, ValueError, struct.error, AttributeError) as error:
        raise _open_error(place, error, DatabaseError) from None
    return link


def _open_error(place: PostgresPlace, error: BaseException, refusal: type[BaseException]) -> IntacctError:
    """The error for a link that could not be opened; `refusal` is the driver's class for a refusal of the server."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, refusal):
        cause = cause.__context__  # after a refusal the driver can fail again, while it closes its socket
    if cause is not None:
        return refusal_error(place, cause.args[0], "")
    if isinstance(error, AttributeError) and server_of(place.uri).password is None:
        return SettingsError(f"{place.name} asks for a password", fix="put it into the URI, or into PGPASSWORD")
    if isinstance(error, ssl.SSLCertVerificationError):
        return SettingsError(
            f"{place.name} cannot be used: its certificate was refused: {error.verify_message}",
            fix=HOST_FIX if error.verify_code in _OTHER_HOST else ROOT_FIX,
        )
    if "refuses SSL" in str(error):
        return SettingsError(f"{place.name} has no TLS, and `sslmode` in the URI demands it", fix=NO_TLS_FIX)
    if "password" in str(error) or "Authentication method" in str(error) or "SSL" in str(error):
        return SettingsError(f"{place.name} cannot be used: {error}", fix="check the URI")
    return lost_error(place, error)


def ends_connection(facts: Mapping[str, str]) -> bool:
    """Whether the server has ended the connection with this error."""
    return facts.get("C", "").startswith(_CONNECTION_ENDS) or facts.get("V") in ("FATAL", "PANIC")


def refusal_error(place: PostgresPlace, facts: Mapping[str, str], what: str) -> IntacctError:
    """The error for a refusal of the server, by its SQL state.

    `facts` are the fields of the server's message: C is the SQL state, M the text. `what` names the part in use.
    """
    state, text = facts.get("C", ""), facts.get("M", "")
    if state == _NO_CONNECTION_LEFT:
        return UnreachableError(
            f"{place.name} has no connection left: {text}",
            fix="Run it again later, or run less at once. To allow more connections, raise `max_connections` of the"
            " server, and the limits of the database and of the user.",
        )
    if state.startswith(_CONNECTION_ENDS):
        return unreachable(place, text)
    if state in (_LOCK_TIMEOUT, _DEADLOCK):
        return BusyError(f"another process holds {what} in {place.name}", fix="Run it again later.")
    if state == _READ_ONLY:
        return SettingsError(f"{place.name} is read-only: {text}", fix="name the primary server")
    fix = _FIXES.get(state, "check the URI and the user's rights")
    if state == _FORBIDDEN:
        fix = f'as the owner of the database: CREATE SCHEMA "{place.schema}" AUTHORIZATION "the user"'
    kinds = {_NO_TABLE: MissingTableError, _NO_SCHEMA: MissingTableError, _FORBIDDEN: NoRightError, _TAKEN: TakenError}
    kinds[_DIVIDED_BY_ZERO] = ChangedPartError
    return kinds.get(state, SettingsError)(f"{place.name} cannot be used: {text}", fix=fix)


def refuse_pooler(place: PostgresPlace, link: Any, pid: int) -> None:
    """SettingsError if a transaction pooler is between, which gives one session of the server to several links.

    `pid` is the server's process as a query tells it. A pooler announces a number of its own when a link is opened.
    """
    if pid == _announced_pid(link):
        return
    other = open_link(place)
    try:
        same = other.execute_simple("SELECT pg_backend_pid()").rows[0][0] == pid
    finally:
        close_link(other)
    if same:
        raise SettingsError(
            f"{place.name} is behind a transaction pooler, which gives one session to several processes",
            fix="name the server's own port, or a port of the pooler in session mode",
        )


def close_link(link: Any) -> None:
    """Close the socket and the file over it; either alone keeps the connection open."""
    for end in (link._sock, link._usock):
        with suppress(Exception):
            end.close()


def _announced_pid(link: Any) -> int:
    return int(struct.unpack_from("!i", link._backend_key_data)[0]) if link._backend_key_data else 0


def application_name(place: PostgresPlace) -> str:
    """The application name of the links that work with a schema, of at most 63 characters, as the server keeps it."""
    return f"{APPLICATION} {place.schema}"[:63]


def lost_error(place: PostgresPlace, error: BaseException) -> UnreachableError:
    """The error for a server that does not answer."""
    return unreachable(place, _reason(error))


def unreachable(place: PostgresPlace, reason: str) -> UnreachableError:
    """The error for a server that cannot be reached, for this reason."""
    return UnreachableError(
        f"{place.name} cannot be reached: {reason}",
        fix="Start the server, or wait until it answers, and run it again. Nothing was sent without it.",
    )


def _reason(error: BaseException) -> str:
    """The reason of the operating system, if the driver hides it."""
    cause = error.__cause__
    reason = cause if isinstance(cause, OSError) else error
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    return getattr(reason, "strerror", None) or (
        str(reason) if isinstance(reason, OSError) else "the connection was lost"
    )


def _ssl(place: PostgresPlace, server: Server) -> Any:
    """The driver's `ssl_context`: False for no TLS, None to try it, True to require it, or a context that verifies."""
    if server.socket or server.ssl_mode == "disable":
        return False
    if server.ssl_mode in ("allow", "prefer"):
        return None
    if server.ssl_mode == "require":
        return True
    try:
        context = ssl.create_default_context(cafile=server.ssl_root or None)
    except OSError as error:
        reason = "is not a file of certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(f"{place.name}: sslrootcert {server.ssl_root}: {reason}", fix=ROOT_FIX) from None
    context.check_hostname = server.ssl_mode == "verify-full"
    return context
