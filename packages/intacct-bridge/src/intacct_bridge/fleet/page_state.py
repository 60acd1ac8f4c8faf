"""What the credential page keeps in the fleet's database: sessions, attempts, and the progress of each set-up.

A session begins with a link and ends after its time; only the hash of its key is kept. Attempts are counted for each
tenant, over all its links, so that more links do not allow more attempts. All processes that
serve the page share this.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from intacct_bridge.fleet.fleet_tables import FleetTables, time_text
from intacct_bridge.fleet.links import CredentialLink
from intacct_bridge.shared_state.database import Clock, TableSet
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_protocol.errors import BusyError
from intacct_protocol.model.wording import counted

_TABLES = TableSet(
    "credential_page",
    "the state of the credential page",
    lambda: (
        """
CREATE TABLE page_session (key_hash TEXT PRIMARY KEY, link TEXT NOT NULL, link_ends TEXT NOT NULL, tenant TEXT NOT NULL,
    ends TEXT NOT NULL);
CREATE TABLE page_attempt (number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, kind TEXT NOT NULL,
    at TEXT NOT NULL);
CREATE INDEX page_attempt_tenant ON page_attempt (tenant, kind, at);
CREATE TABLE page_set_up (tenant TEXT PRIMARY KEY, content BLOB NOT NULL);
"""
    ),
)
_KEPT = timedelta(days=7)
"""How long attempts are kept."""


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """A limit on the attempts of one kind by a tenant within a time."""

    kind: str
    what: str
    """The attempts in words, such as `Sign-ins that Intacct refused`."""
    most: int
    within: timedelta


class TooManyAttemptsError(BusyError):
    """A limit of attempts is reached for now."""

    def __init__(self, limit: AttemptLimit, free_at: datetime, now: datetime) -> None:
        minutes = max(1, -((now - free_at) // timedelta(minutes=1)))
        super().__init__(
            f"{limit.what} within {counted(int(limit.within.total_seconds() // 60), 'minute')}: {limit.most}. "
            "That is the limit.",
            fix=f"Wait {counted(minutes, 'minute')}, and try again.",
        )
        self.seconds = minutes * 60
        """How long to wait."""


@dataclass(frozen=True, slots=True)
class PageSession:
    """A browser in which a link was used."""

    tenant: str
    link: CredentialLink
    """The link that began it."""
    ends: datetime


class PageState(FleetTables):
    """The state of the credential page. Threads may share it."""

    def __init__(self, place: PostgresPlace, *, clock: Clock | None = None) -> None:
        super().__init__(place, _TABLES, pooled=False, clock=clock)

    # --- sessions

    def begin(self, link: CredentialLink, lasts: timedelta) -> str:
        """Begin the session of a link that was used just now; its key, which is kept nowhere."""
        key = secrets.token_urlsafe(32)
        with self._db.transaction():
            now = self._now()
            self._db.execute("DELETE FROM page_session WHERE ends < ?", (time_text(now),))
            self._db.execute(
                "INSERT INTO page_session (key_hash, link, link_ends, tenant, ends) VALUES (?, ?, ?, ?, ?)",
                (_hashed(key), link.id, time_text(link.expires_at), link.tenant, time_text(now + lasts)),
            )
        return key

    def session(self, key: str) -> PageSession | None:
        """The session with that key; None if there is none, or its time is over."""
        sql = "SELECT link, tenant, link_ends, ends FROM page_session WHERE key_hash = ?"
        rows = self._db.read(sql, (_hashed(key),))
        if not rows:
            return None
        link, tenant, link_ends, ends = rows[0]
        credential_link = CredentialLink(link, tenant, datetime.fromisoformat(link_ends))
        page_session = PageSession(tenant, credential_link, datetime.fromisoformat(ends))
        return page_session if page_session.ends > self._now() else None

    def end(self, key: str) -> None:
        """End a session."""
        with self._db.transaction():
            self._db.execute("DELETE FROM page_session WHERE key_hash = ?", (_hashed(key),))

    def forget(self, tenant: str) -> None:
        """Remove everything that is kept for a tenant, sessions included."""
        with self._db.transaction():
            for table in ("page_session", "page_attempt", "page_set_up"):
                self._db.execute(f"DELETE FROM {table} WHERE tenant = ?", (tenant,))

    # --- attempts

    def take(self, tenant: str, limit: AttemptLimit) -> int:
        """Take one of a tenant's attempts before it is made, and give its number. TooManyAttemptsError: none is left.

        It stays counted unless `give_back` is called: an attempt whose process dies counts as well.
        """
        with self._db.transaction():
            now = self._now()
            self._db.execute("DELETE FROM page_attempt WHERE at < ?", (time_text(now - _KEPT),))
            attempts = self._db.execute(
                "SELECT at FROM page_attempt WHERE tenant = ? AND kind = ? AND at > ? ORDER BY at",
                (tenant, limit.kind, time_text(now - limit.within)),
            ).fetchall()
            if len(attempts) >= limit.most:
                free_at = datetime.fromisoformat(attempts[-limit.most][0]) + limit.within
                raise TooManyAttemptsError(limit, free_at, now)
            number = self._db.execute(
                "INSERT INTO page_attempt (tenant, kind, at) VALUES (?, ?, ?) RETURNING number",
                (tenant, limit.kind, time_text(now)),
            ).fetchone()[0]
        return int(number)

    def give_back(self, number: int) -> None:
        """Uncount an attempt that could do no harm."""
        with self._db.transaction():
            self._db.execute("DELETE FROM page_attempt WHERE number = ?", (number,))

    # --- the set-up's progress

    def read(self, tenant: str) -> bytes:
        """What is kept of a tenant's set-up; empty before its first check."""
        rows = self._db.read("SELECT content FROM page_set_up WHERE tenant = ?", (tenant,))
        return bytes(rows[0][0]) if rows else b""

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A transaction around a read and a `write`."""
        with self._db.transaction():
            yield

    def write(self, tenant: str, content: bytes) -> None:
        """Replace what is kept of a tenant's set-up, inside `changing`."""
        self._db.execute(
            "INSERT INTO page_set_up (tenant, content) VALUES (?, ?)"
            " ON CONFLICT (tenant) DO UPDATE SET content = excluded.content",
            (tenant, content),
        )

    def _now(self) -> datetime:
        return self._db.clock()


def _hashed(secret: str) -> str:
    """What is looked up in place of a key, so that the time of a lookup says nothing about it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
