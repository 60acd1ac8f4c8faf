"""The sessions of visitors: start tokens that work once, and the sessions that they begin.

A start address carries a token. The first request with it begins a session, whose key is a cookie that scripts cannot
read and other sites cannot send. In team mode there are no tokens: a reverse proxy signs people in, and the session
belongs to the person that the proxy names.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

_PLANS = 20
"""The last plans of which a session knows what the visitor has seen."""
_NOTICES = 20
"""The last notices of a session that a reload can still show."""
_SESSIONS = 20
"""The most sessions of one person; the oldest ends."""


@dataclass(slots=True)
class VisitorSession:
    """One browser that signed in."""

    key: str
    person: str
    csrf: str
    used: float
    notices: dict[str, str] = field(default_factory=dict)
    drafts: dict[str, Any] = field(default_factory=dict, repr=False)
    """What was typed into forms that could not be saved, secrets included; pages never show those."""

    reviewed: dict[str, set[int]] = field(default_factory=dict, repr=False)
    """The records of plans that pages have shown to the visitor, by the digest of the plan."""

    def note_reviewed(self, digest: str, records: Iterable[int]) -> set[int]:
        """Note that a page shows records of a plan; all that the visitor has seen of it."""
        reviewed = self.reviewed.pop(digest, set()) | set(records)
        self.reviewed[digest] = reviewed
        while len(self.reviewed) > _PLANS:
            del self.reviewed[next(iter(self.reviewed))]
        return reviewed

    def keep_notice(self, text: str) -> str:
        """Keep a notice for the next page; the name under which that page finds it."""
        name = secrets.token_urlsafe(6)
        self.notices[name] = text
        while len(self.notices) > _NOTICES:
            del self.notices[next(iter(self.notices))]
        return name


class Sessions:
    """The start tokens and the sessions of one console. Threads may share it."""

    def __init__(self, *, idle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.idle_seconds = idle_seconds
        self._clock = clock
        self._lock = Lock()
        self._tokens: set[bytes] = set()
        self._sessions: dict[bytes, VisitorSession] = {}

    def new_token(self) -> str:
        """A start token; it works once."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens.add(_hashed(token))
        return token

    def begin(self, token: str, person: str) -> VisitorSession | None:
        """A session with a key of its own; None for a token that is unknown or used."""
        with self._lock:
            if _hashed(token) not in self._tokens:
                return None
            self._tokens.discard(_hashed(token))
        return self.begin_for(person)

    def begin_for(self, person: str) -> VisitorSession:
        """A session for a person whom the proxy signed in."""
        key = secrets.token_urlsafe(32)
        session = VisitorSession(key, person, secrets.token_urlsafe(32), self._clock())
        with self._lock:
            self._drop_idle()
            self._sessions[_hashed(key)] = session
            mine = [name for name, one in self._sessions.items() if one.person == person]
            for oldest in mine[: max(0, len(mine) - _SESSIONS)]:
                del self._sessions[oldest]
        return session

    def session(self, key: str, *, touch: bool = True) -> VisitorSession | None:
        """The session with that key; None if there is none, or if it was idle for too long."""
        with self._lock:
            self._drop_idle()
            session = self._sessions.get(_hashed(key))
            if session is not None and touch:
                session.used = self._clock()
            return session

    def end(self, session: VisitorSession) -> None:
        """Sign out."""
        with self._lock:
            self._sessions.pop(_hashed(session.key), None)

    def _drop_idle(self) -> None:
        oldest = self._clock() - self.idle_seconds
        for name in [name for name, one in self._sessions.items() if one.used < oldest]:
            del self._sessions[name]


def _hashed(secret: str) -> bytes:
    """What is looked up in place of a secret, so that the time of a lookup says nothing about it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
