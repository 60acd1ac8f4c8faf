"""The place of shared state: a SQLite file, or a schema of a PostgreSQL database.

A URI is `postgresql://user:password@host:port/database?schema=name`, as libpq has it. Each company has a schema of its
own, so that several may use one database.
"""

import os
import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from intacct_bridge.connections.connection import Connection
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.uri_text import redacted

SCHEMES = ("postgresql", "postgres")
_OPTIONS = (
    "host", "port", "user", "password", "dbname", "schema", "sslmode", "sslrootcert", "connect_timeout",
    "application_name",
)  # fmt: skip
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_LONGEST_NAME = 63
SYSTEM_ROOT = "system"
"""What `sslrootcert` is for the authorities that the system trusts."""
NO_TLS_FIX = "turn TLS on at the server, or write sslmode=disable into the URI for a connection without encryption"
ROOT_FIX = "let `sslrootcert` in the URI name a file with the certificate of the authority that signed the server's"
CANCELLED_FIX = (
    "raise statement_timeout, of the user in the database or in the options of the URI; if it has no such limit, "
    "an administrator cancelled the statement: run it again"
)
HOST_FIX = "write the host as the server's certificate names it, or use sslmode=verify-ca, which compares no names"


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """A schema of a database; the URI, which may hold a password, is in no repr."""

    uri: str = field(repr=False)
    schema: str

    @property
    def name(self) -> str:
        """The place as messages name it, without user and password."""
        return f"{redacted(self.uri)} (schema {self.schema})"


Place = Path | PostgresPlace


def place_name(place: Place) -> str:
    """A place as messages name it."""
    return place.name if isinstance(place, PostgresPlace) else str(place)


@dataclass(frozen=True, slots=True)
class Server:
    """The parts of a URI that reach a server."""

    host: str
    """A name, an address, or the folder of a Unix socket."""
    port: int
    user: str
    password: str | None = field(repr=False)
    database: str
    ssl_mode: str
    ssl_root: str
    """A file; empty for the authorities that the system trusts."""
    connect_timeout: float

    @property
    def socket(self) -> str | None:
        """The Unix socket; None if the host is reached over a network."""
        return f"{self.host}/.s.PGSQL.{self.port}" if self.host.startswith("/") else None


def is_postgres(setting: str) -> bool:
    """Whether a setting is the URI of a PostgreSQL database."""
    return setting.partition("://")[0] in SCHEMES and "://" in setting


def postgres_place(uri: str, default_schema: str) -> PostgresPlace:
    """The place that a URI means; SettingsError if it cannot be one."""
    schema = _options(uri).get("schema", default_schema)
    if not schema or len(schema.encode()) > _LONGEST_NAME or "\0" in schema:
        raise SettingsError(
            f"{redacted(uri)}: the schema must have a name of 1 to {_LONGEST_NAME} bytes", fix="correct `schema`"
        )
    server_of(uri)
    return PostgresPlace(uri, schema)


def in_schema(uri: str, schema: str) -> str:
    """The same database with another schema."""
    base, _, options = uri.partition("?")
    others = [one for one in options.split("&") if one and one.partition("=")[0] != "schema"]
    return f"{base}?{'&'.join([*others, f'schema={quote(schema)}'])}"


def schema_name(company: str) -> str:
    """The schema of a company: readable, and different for names that differ in what a schema cannot show."""
    plain = re.sub(r"[^a-z0-9]+", "_", company.casefold()).strip("_")[:40]
    return f"intacct_{plain}_{sha256(company.casefold().encode()).hexdigest()[:8]}"


def company_name(connection: Connection) -> str:
    """The company by which its outbox is known, in one user's directory and in a database.

    An endpoint that is not Sage's has state of its own; an emulator's company would be taken for the real one
    otherwise.
    """
    client = f"|{connection.client_id}" if connection.client_id else ""
    return name_at(connection.company_id + client, connection.endpoint)


def name_at(company: str, endpoint: str) -> str:
    """A company at an endpoint."""
    host = urlsplit(endpoint).netloc.lower()
    return company.casefold() + ("" if not host or host.endswith("intacct.com") else f"@{host}")


def shared_place(connection: Connection) -> PostgresPlace | None:
    """The database that a connection shares with other processes; None if its outbox is a file."""
    if not is_postgres(connection.outbox):
        return None
    return postgres_place(connection.outbox, schema_name(company_name(connection)))


def server_of(uri: str) -> Server:
    """The parts of a URI, with libpq's defaults; SettingsError names the part that is wrong."""
    options = _options(uri)
    try:
        parts = urlsplit(uri)
        port = int(options.get("port") or parts.port or os.environ.get("PGPORT") or 5432)
        seconds = float(options.get("connect_timeout", 10))
    except ValueError:
        raise SettingsError(
            f"{redacted(uri)} is not a URI of PostgreSQL",
            fix="write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and escape special characters in the password,"
            " such as %40 for @ and %2F for /",
        ) from None
    root = options.get("sslrootcert", "")
    mode = _ssl_mode(uri, options.get("sslmode"), root)
    from getpass import getuser

    user = options.get("user") or unquote(parts.username or "") or os.environ.get("PGUSER") or getuser()
    password = options.get("password") or unquote(parts.password or "") or os.environ.get("PGPASSWORD")
    return Server(
        options.get("host") or unquote(parts.hostname or "") or "localhost",
        port,
        user,
        password,
        options.get("dbname") or unquote(parts.path.lstrip("/")) or user,
        mode,
        "" if root == SYSTEM_ROOT else root,
        seconds,
    )


def _ssl_mode(uri: str, requested: str | None, root: str) -> str:
    """The mode that is in force with these root certificates, as libpq has it."""
    default = "verify-full" if root == SYSTEM_ROOT else "prefer"
    mode = default if requested is None else requested
    if mode not in _SSL_MODES:
        raise SettingsError(
            f"{redacted(uri)}: sslmode is {mode!r}{did_you_mean(mode, _SSL_MODES)}",
            fix=f"use one of {', '.join(_SSL_MODES)}",
        )
    if root == SYSTEM_ROOT and mode != "verify-full":
        raise SettingsError(
            f"{redacted(uri)}: sslrootcert=system needs sslmode=verify-full", fix="write it into the URI"
        )
    return "verify-ca" if root and mode == "require" else mode


def _options(uri: str) -> dict[str, str]:
    try:
        options = dict(parse_qsl(urlsplit(uri).query, keep_blank_values=True))
    except ValueError:
        return {}
    for name in options:
        if name not in _OPTIONS:
            raise SettingsError(
                f"{redacted(uri)} has the unsupported option {name!r}{did_you_mean(name, _OPTIONS)}",
                fix=f"supported options: {', '.join(_OPTIONS)}",
            )
    return options
