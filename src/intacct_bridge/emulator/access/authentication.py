"""Sign-in: from a request's credentials to a session and a company's data, or the refusal of its level."""

from collections.abc import Mapping

from intacct_bridge.emulator.access.rights import can_enter, check_company, check_user
from intacct_bridge.emulator.company.company_data import CompanyData
from intacct_bridge.emulator.company.sessions import EmulatedSession, Sessions
from intacct_bridge.emulator.settings.refusals import bad_session, bad_sign_in
from intacct_bridge.emulator.settings.world import EmulatorSettings
from intacct_bridge.wire.envelope import Authentication, Login, SessionAuth


class Authenticator:
    """Signs users in to the companies of one emulator."""

    def __init__(self, settings: EmulatorSettings, companies: Mapping[str, CompanyData], sessions: Sessions) -> None:
        self._settings = settings
        self._companies = companies
        self._sessions = sessions

    def company_id(self, authentication: Authentication) -> str:
        """The company that credentials name, whether or not they are valid; empty where it is unknown."""
        if isinstance(authentication, SessionAuth):
            return self._sessions.company_id(authentication.session_id)
        company = self._settings.company(_company_and_entity(authentication)[0])
        return "" if company is None else company.company_id

    def sign_in(
        self, authentication: Authentication, sender_id: str, *, endpoint: str, now: float
    ) -> tuple[EmulatedSession, CompanyData]:
        """The session to work in and its company. Raises SignInRefusedError."""
        if isinstance(authentication, SessionAuth):
            behaviour = self._settings.behaviour
            session = self._sessions.use(authentication.session_id, now)
            elsewhere = session is not None and session.endpoint != endpoint
            if session is None or (elsewhere and behaviour.session_elsewhere == "refused"):
                raise bad_session(behaviour)
            check_company(self._settings, session.company_id, sender_id)
            return session, self._companies[session.company_id]
        return self._log_in(authentication, sender_id, endpoint=endpoint, now=now)

    def _log_in(
        self, login: Login, sender_id: str, *, endpoint: str, now: float
    ) -> tuple[EmulatedSession, CompanyData]:
        company_id, entity = _company_and_entity(login)
        settings = check_company(self._settings, company_id, sender_id)
        user = check_user(settings, login).in_season(now)
        company = self._companies[settings.company_id]
        if not entity and len(user.entities) == 1:
            entity = user.entities[0]  # inferred: a user with one entity works in it
        if entity and not can_enter(company, user, entity):
            raise bad_sign_in()
        session = self._sessions.for_one_request(
            user, settings.company_id, sender_id=sender_id, entity=entity, endpoint=endpoint, now=now
        )
        return session, company


def _company_and_entity(login: Login) -> tuple[str, str]:
    """A console slides in to a client, which is named beside the console or as `console|client|entity`."""
    console, _, slide = login.company_id.partition("|")
    client, _, entity = slide.partition("|")
    company_id = login.client_id or client or console
    return company_id.strip(), (login.location_id or entity).strip()
