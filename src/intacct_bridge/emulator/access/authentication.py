"""The way in: from a request's credentials to a session in a company's books, or the refusal of its level."""

from collections.abc import Mapping

from intacct_bridge.emulator.access.rights import check_company, check_user, may_enter
from intacct_bridge.emulator.company.company_data import Books
from intacct_bridge.emulator.company.sessions import EmulatedSession, Sessions
from intacct_bridge.emulator.settings.refusals import bad_session, bad_sign_in
from intacct_bridge.emulator.settings.world import EmulatorSettings
from intacct_bridge.wire.envelope import Authentication, Login, SessionAuth


class Entrance:
    """Opens the door to the companies of one emulator."""

    def __init__(self, settings: EmulatorSettings, books: Mapping[str, Books], sessions: Sessions) -> None:
        self._settings = settings
        self._books = books
        self._sessions = sessions

    def sign_in(
        self, authentication: Authentication, sender_id: str, *, endpoint: str, now: float
    ) -> tuple[EmulatedSession, Books]:
        """Who asks, and whose books it is about."""
        if isinstance(authentication, SessionAuth):
            behaviour = self._settings.behaviour
            session = self._sessions.use(authentication.session_id, now)
            elsewhere = session is not None and session.endpoint != endpoint
            if session is None or (elsewhere and behaviour.session_elsewhere == "refused"):
                raise bad_session(behaviour)
            check_company(self._settings, session.company_id, sender_id)
            return session, self._books[session.company_id]
        return self._log_in(authentication, sender_id, endpoint=endpoint, now=now)

    def _log_in(self, login: Login, sender_id: str, *, endpoint: str, now: float) -> tuple[EmulatedSession, Books]:
        company_id, entity = _place(login)
        company = check_company(self._settings, company_id, sender_id)
        user = check_user(company, login).in_season(now)
        books = self._books[company.company_id]
        if not entity and len(user.entities) == 1:
            entity = user.entities[0]  # who has one entity works in it; inferred
        if entity and not may_enter(books, user, entity):
            raise bad_sign_in()
        session = self._sessions.passing(
            user, company.company_id, sender_id=sender_id, entity=entity, endpoint=endpoint, now=now
        )
        return session, books


def _place(login: Login) -> tuple[str, str]:
    """Company and entity. A console slides into a client, named beside it or as `console|client|entity`."""
    console, _, slide = login.company_id.partition("|")
    client, _, entity = slide.partition("|")
    company_id = login.client_id or client or console
    return company_id.strip(), (login.location_id or entity).strip()
