"""Sign-in: from a request's credentials to a session and a company's data, or the refusal of its level.

A user is what the company's records say at the time of the request: one that the API made can sign in, one that it
deactivated cannot, and a session of such a user ends with the next request. Wrong passwords are counted by user and
day; too many lock the user out.
"""

from collections.abc import Mapping
from dataclasses import replace

from intacct_emulator.access.rights import can_enter, check_company
from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.company.sessions import EmulatedSession, Sessions
from intacct_emulator.company.users import ACTIVE, lock_out, user_of
from intacct_emulator.settings.companies import EmulatorSettings, UserSettings
from intacct_emulator.settings.refusals import bad_session, bad_sign_in
from intacct_protocol.xml.envelope import Authentication, Login, SessionAuth

_DAY = 86_400


class Authenticator:
    """Signs users in to the companies of one emulator."""

    def __init__(self, settings: EmulatorSettings, companies: Mapping[str, CompanyData], sessions: Sessions) -> None:
        self._settings = settings
        self._companies = companies
        self._sessions = sessions
        self._wrong: dict[tuple[str, str], tuple[int, int]] = {}
        """By company and user, the day and its wrong passwords."""

    def company_id(self, authentication: Authentication) -> str:
        """The company that credentials name, whether or not they are valid; empty if it is unknown."""
        if isinstance(authentication, SessionAuth):
            return self._sessions.company_id(authentication.session_id)
        company = self._settings.company(_company_and_entity(authentication)[0])
        return "" if company is None else company.company_id

    def sign_in(
        self, authentication: Authentication, sender_id: str, *, endpoint: str, now: float
    ) -> tuple[EmulatedSession, CompanyData]:
        """The session to work in and its company. Raises SignInRefusedError."""
        if isinstance(authentication, SessionAuth):
            return self._use(authentication, sender_id, endpoint=endpoint, now=now)
        return self._log_in(authentication, sender_id, endpoint=endpoint, now=now)

    def forget(self) -> None:
        """Forget wrong passwords."""
        self._wrong.clear()

    def _use(
        self, authentication: SessionAuth, sender_id: str, *, endpoint: str, now: float
    ) -> tuple[EmulatedSession, CompanyData]:
        behaviour = self._settings.behaviour
        session = self._sessions.use(authentication.session_id, now)
        elsewhere = session is not None and session.endpoint != endpoint
        if session is None or (elsewhere and behaviour.session_elsewhere == "refused"):
            raise bad_session(behaviour)
        check_company(self._settings, session.company_id, sender_id)
        company = self._companies[session.company_id]
        user = user_of(company, session.user.user_id)
        if user is None or user.status != ACTIVE:
            raise bad_session(behaviour)  # our choice: no source says when a deactivated user's session ends
        session.user = replace(user, offset_minutes=session.user.offset_minutes)
        return session, company

    def _log_in(
        self, login: Login, sender_id: str, *, endpoint: str, now: float
    ) -> tuple[EmulatedSession, CompanyData]:
        company_id, entity = _company_and_entity(login)
        settings = check_company(self._settings, company_id, sender_id)
        company = self._companies[settings.company_id]
        user = self._checked(company, login, now).in_season(now)
        if not entity and len(user.entities) == 1:
            entity = user.entities[0]  # inferred: a user with one entity works in it
        if entity and not can_enter(company, user, entity):
            raise bad_sign_in()
        session = self._sessions.for_one_request(
            user, settings.company_id, sender_id=sender_id, entity=entity, endpoint=endpoint, now=now
        )
        return session, company

    def _checked(self, company: CompanyData, login: Login, now: float) -> UserSettings:
        """The user, unless unknown, inactive or with a wrong password; the gateway never says which."""
        user = user_of(company, login.user_id)
        if user is None or user.status != ACTIVE:
            raise bad_sign_in()
        key = (company.settings.company_id, user.user_id.lower())
        if user.password == login.password:
            self._wrong.pop(key, None)
            return user
        day, wrong = self._wrong.get(key, (0, 0))
        today = int(now // _DAY)
        wrong = wrong + 1 if day == today else 1
        self._wrong[key] = (today, wrong)
        most = self._settings.behaviour.sign_in_attempts
        if most and wrong >= most:
            lock_out(company, user.user_id)
            del self._wrong[key]
        raise bad_sign_in()


def _company_and_entity(login: Login) -> tuple[str, str]:
    """A console slides in to a client, which is named beside the console or as `console|client|entity`."""
    console, _, slide = login.company_id.partition("|")
    client, _, entity = slide.partition("|")
    company_id = login.client_id or client or console
    return company_id.strip(), (login.location_id or entity).strip()
