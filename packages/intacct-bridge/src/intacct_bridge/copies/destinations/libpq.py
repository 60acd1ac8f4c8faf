"""What libpq says about a PostgreSQL database that cannot be used: the reason without passwords, and its fix."""

import re
from urllib.parse import parse_qs

from intacct_bridge.shared_state.place import CANCELLED_FIX, HOST_FIX, NO_TLS_FIX, ROOT_FIX
from intacct_protocol.errors import SettingsError, UnreachableError
from intacct_protocol.model.uri_text import redacted

_TEMPORARY = re.compile(
    r"refused|terminating connection|timeout expired|timed out|temporary failure|unreachable|no route to host"
    r"|reset by peer|closed the connection|No such file or directory|starting up|shutting down|recovery mode"
    r"|too many (?:clients|connections)|slots are",
    re.IGNORECASE,
)
"""Libpq's words for a server that does not answer now. A wrong password, user or database is another thing."""
_ESCAPE = "escape special characters in the password, such as %40 for @ and %2F for /"
_FIXES = {
    "password authentication failed|no password supplied": "check the user and the password, in the URI or in PGUSER "
    f"and PGPASSWORD; {_ESCAPE}",
    r"role .* does not exist": "check the user in the URI, or PGUSER",
    r"database .* does not exist": "check the name of the database in the URI, or create it with CREATE DATABASE",
    "permission denied for database": "as the owner of the database: GRANT CONNECT ON it TO the user",
    "server does not support SSL": NO_TLS_FIX,
    "root certificate file": ROOT_FIX,
    "certificate verify failed": ROOT_FIX,
    "does not match host name": HOST_FIX,
    "invalid sslmode": "use one of disable, allow, prefer, require, verify-ca, verify-full",
    r"no pg_hba\.conf entry.*no encryption": "write sslmode=require into the URI, or let the server accept this "
    "user and this address in pg_hba.conf",
    r"no pg_hba\.conf entry": "let the server accept this user and this address in pg_hba.conf",
    "could not translate host name": "check the name of the host in the URI",
    "canceling statement": CANCELLED_FIX,
}
_PREFIX = re.compile(r"^[A-Z_]+: (?:\[libpq\] )?Failed to connect: ")
_ATTEMPT = re.compile(r"^(?:[A-Z_]+: .*?)?connection to server .* failed: ")
_SHOWN = ("sslmode", "sslrootcert")
"""Options whose values are no secrets."""
_QUOTATIONS = re.compile(r'"([^"]*)"')


def refusal(error: BaseException, uri: str) -> SettingsError | UnreachableError:
    """The error for a database that could not be opened."""
    name = redacted(uri)
    reason = _without_secrets(reason_of(error).replace(uri, name), uri)
    if _TEMPORARY.search(reason):
        return UnreachableError(
            f"{name} cannot be reached: {reason}",
            fix="Start the server, or wait until it answers, and run it again. Completed work is kept.",
        )
    fixes = (fix for sign, fix in _FIXES.items() if re.search(sign, reason))
    return SettingsError(f"{name} cannot be used: {reason}", fix=next(fixes, f"check the URI; {_ESCAPE}"))


def reason_of(error: BaseException) -> str:
    """The reason in one line: what the server says, or libpq's words about its last attempt to connect.

    The server's own words leave out the statement, and the row that it refused.
    """
    for key, text in getattr(error, "details", None) or ():
        if key == b"PG_DIAG_MESSAGE_PRIMARY":
            return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    attempts = [line for line in lines if _ATTEMPT.search(line)]
    return _PREFIX.sub("", attempts[-1] if attempts else lines[0])


def _without_secrets(message: str, uri: str) -> str:
    """Libpq's message without the quotations that may be part of a password: if a character of it should have been
    escaped, libpq takes that for the end of the password.
    """
    redacted_uri = redacted(uri)
    user = uri.partition("://")[2].partition("@")[0].partition(":")[0]
    query = uri.partition("?")[2]
    options = {} if "password" in uri.lower() else parse_qs(query, keep_blank_values=True)
    shown = () if "@" in query else (value for name in _SHOWN for value in options.get(name, ()))
    harmless = {"port", "=", user, *options, *shown}
    return _QUOTATIONS.sub(
        lambda match: match[0] if match[1] in redacted_uri or match[1] in harmless else '"***"', message
    )
