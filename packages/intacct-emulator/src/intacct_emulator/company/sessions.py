"""Sessions: which user is signed in to which company, until when. Every use postpones the end.

A session belongs to a user, a company, an entity and the endpoint it was made at. Sessions live in memory only: an
emulator that is started again knows none of the old ones, as after the gateway's maintenance.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from intacct_emulator.settings.companies import UserSettings


@dataclass(slots=True)
class EmulatedSession:
    """A signed-in user, in one entity or at the top level."""

    session_id: str
    user: UserSettings
    company_id: str
    sender_id: str
    entity: str
    """Empty at the top level."""
    endpoint: str
    expires: float
    last_results: dict[str, str] = field(default_factory=dict)
    """By object, the id of the last readByQuery result, which `readMore` by object continues."""


class Sessions:
    """All sessions of one emulator."""

    def __init__(self, minutes: float, draw: Callable[[], str]) -> None:
        self.seconds = minutes * 60
        self._draw = draw
        self._sessions: dict[str, EmulatedSession] = {}

    def open(
        self, user: UserSettings, company_id: str, *, sender_id: str, entity: str, endpoint: str, now: float
    ) -> EmulatedSession:
        """A new session."""
        session = self.for_one_request(user, company_id, sender_id=sender_id, entity=entity, endpoint=endpoint, now=now)
        session.session_id = hashlib.blake2b(self._draw().encode(), digest_size=24).hexdigest()
        self._sessions[session.session_id] = session
        return session

    def for_one_request(
        self, user: UserSettings, company_id: str, *, sender_id: str, entity: str, endpoint: str, now: float
    ) -> EmulatedSession:
        """The session of a request that brings a login: it has no id, so it cannot be used again."""
        return EmulatedSession("", user, company_id, sender_id, entity, endpoint, now + self.seconds)

    def company_id(self, session_id: str) -> str:
        """The company of a session, which this does not use; empty if there is none."""
        session = self._sessions.get(session_id.strip())
        return "" if session is None else session.company_id

    def use(self, session_id: str, now: float) -> EmulatedSession | None:
        """The session with that id, its end postponed; None when there is none or it has expired."""
        session = self._sessions.get(session_id.strip())
        if session is None:
            return None
        if session.expires < now:
            del self._sessions[session.session_id]
            return None
        session.expires = now + self.seconds
        return session

    def drop_all(self) -> None:
        """Forget every session."""
        self._sessions.clear()
