"""OAuth 2.0 of the REST interface: tokens by client credentials, by an authorization code with PKCE, and by a refresh.

A grant is one user in one company. A new authorization for the same user and company ends the former one: calls with
its token are refused with REST-2102, and so is its refresh. That was seen in production in 2026; a setting lets both
live. A refresh takes the client in the body only, and refuses the Basic header, as was seen too. Tokens are in memory:
an emulator that is started again, or set back, knows none of the old ones.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from intacct_emulator.access.rights import can_enter
from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.company.users import ACTIVE, user_of
from intacct_emulator.rest.consent_page import form, problem
from intacct_emulator.rest.messages import RestAnswer, RestRefusedError, RestRequest, invalid_request
from intacct_emulator.settings.companies import EmulatorSettings, RestClientSettings, UserSettings

_CODE_SECONDS = 600
_SPACE = {"cache-control": "no-store", "pragma": "no-cache"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class OAuthError(Exception):
    """A refusal of the token endpoint, with the error code of the standard."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status

    @property
    def answer(self) -> RestAnswer:
        """The refusal as the standard has it."""
        return RestAnswer(self.status, {"error": self.error, "error_description": self.description}, _SPACE)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for."""

    client_id: str
    company_id: str
    user_id: str
    entity: str
    access: str
    refresh: str
    """Empty if the grant cannot be refreshed."""
    issued: float
    expires: float

    @property
    def holder(self) -> tuple[str, str]:
        """The user in the company."""
        return self.company_id.lower(), self.user_id.lower()


@dataclass(frozen=True, slots=True)
class _Code:
    """An authorization code that waits to be exchanged."""

    client_id: str
    redirect: str
    challenge: str
    company_id: str
    user_id: str
    entity: str
    refreshable: bool
    expires: float


class OAuth:
    """The grants of one emulator."""

    def __init__(
        self,
        settings: Callable[[], EmulatorSettings],
        companies: Mapping[str, CompanyData],
        clock: Callable[[], float],
        draw: Callable[[], str],
    ) -> None:
        self._current, self._companies, self._clock, self._draw = settings, companies, clock, draw
        self._grants: dict[str, Grant] = {}
        """By access token."""
        self._codes: dict[str, _Code] = {}
        self._secret = hashlib.sha256(draw().encode()).digest()

    @property
    def _settings(self) -> EmulatorSettings:
        return self._current()

    def drop_all(self) -> None:
        """Forget every token and code."""
        self._grants.clear()
        self._codes.clear()

    # --- the token of a call

    def grant_of(self, request: RestRequest) -> Grant:
        """The grant of a request's token. Raises RestRefusedError."""
        header = request.header("authorization")
        if not header:
            raise RestRefusedError(401, "unauthorized", "No bearer token was sent")
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise RestRefusedError(401, "GW-0034", "The authorization header is not a bearer token", envelope="error")
        grant = self._grants.get(token.strip())
        if grant is None or grant.expires <= self._clock():
            raise self.dead_token()
        return grant

    def dead_token(self) -> RestRefusedError:
        """The refusal of a token that is unknown, has expired, or was ended by another authorization."""
        behaviour = self._settings.behaviour
        return RestRefusedError(
            behaviour.rest_dead_token,
            "tokenInvalid",
            behaviour.rest_dead_token_text,
            error_id="REST-2102",
            message_id="IA.TOKEN_IS_INVALID",
        )

    def holder(self, request: RestRequest) -> Grant | None:
        """The grant of a request's token, valid or expired; None if there is none."""
        return self._grants.get(request.header("authorization").partition(" ")[2].strip())

    def company_id(self, request: RestRequest) -> str:
        """The company of a request's token; empty if there is none."""
        grant = self.holder(request)
        return "" if grant is None else grant.company_id

    # --- endpoints

    def token(self, request: RestRequest) -> RestAnswer:
        """`POST /oauth2/token`, with a form or JSON."""
        try:
            sent = _parameters(request)
            kind = sent.get("grant_type", "")
            if kind == "client_credentials":
                return self._by_client(request, sent)
            if kind == "authorization_code":
                return self._by_code(request, sent)
            if kind == "refresh_token":
                return self._by_refresh(request, sent)
            raise OAuthError("unsupported_grant_type", f"The grant type {kind!r} is not supported")
        except OAuthError as error:
            return error.answer

    def revoke(self, request: RestRequest) -> RestAnswer:
        """`POST /oauth2/revoke`: ends all tokens of this user in this company."""
        sent = _parameters(request)
        token = sent.get("token", "")
        grant = self._grants.get(token) or self._of_refresh(token)
        if grant is not None:
            self._end(grant.holder)
        return RestAnswer(200, {"revoked": True})

    def introspect(self, request: RestRequest) -> RestAnswer:
        """`POST /oauth2/introspect`, with the bearer token itself or with the client in a Basic header."""
        token = _parameters(request).get("token", "")
        bearer = request.header("authorization").partition(" ")
        if bearer[0].lower() != "bearer" or bearer[2].strip() != token:
            try:
                self._client(request, _parameters(request), basic=True)
            except OAuthError as error:
                return error.answer
        grant = self._grants.get(token)
        if grant is None or grant.expires <= self._clock():
            return RestAnswer(200, {"active": False})
        return RestAnswer(
            200,
            {
                "active": True,
                "token_type": "Bearer",
                "client_id": grant.client_id,
                "user_id": grant.user_id,
                "cny_id": grant.company_id,
                "exp": int(grant.expires),
                "iat": int(grant.issued),
                "company_key": grant.company_id,
                "entity_id": grant.entity,
            },
        )

    def consent(self, request: RestRequest) -> RestAnswer:
        """`/oauth2/authorize`: the page on which a person signs in and accepts, and the redirection after it."""
        query = dict(request.query)
        client = self._settings.rest_client(query.get("client_id", ""))
        if client is None or not client.active:
            return _page(400, problem("Unknown application", "No application has this client ID."))
        redirect = query.get("redirect_uri", "")
        if not _may_redirect(client, redirect):
            return _page(400, problem("Wrong address", "The application did not register this redirect URI."))
        if query.get("response_type") != "code":
            return _redirected(redirect, error="unsupported_response_type", state=query.get("state", ""))
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            return _redirected(redirect, error="invalid_request", state=query.get("state", ""))
        if request.method != "POST":
            return _page(200, form(client.name or client.client_id, query, ""))
        sent = _form(request.body)
        if sent.get("answer") != "accept":
            return _redirected(redirect, error="access_denied", state=query.get("state", ""))
        try:
            company, user, entity = self._signed_in(sent)
        except OAuthError as error:
            return _page(200, form(client.name or client.client_id, query, error.description))
        code = self._opaque()
        self._codes[code] = _Code(
            client.client_id,
            redirect,
            query.get("code_challenge", ""),
            company.settings.company_id,
            user.user_id,
            entity,
            "offline_access" in query.get("scope", "").split(),
            self._clock() + _CODE_SECONDS,
        )
        return _redirected(redirect, code=code, state=query.get("state", ""))

    # --- grants

    def _by_client(self, request: RestRequest, sent: Mapping[str, str]) -> RestAnswer:
        client = self._client(request, sent, basic=True)
        user_id, _, place = sent.get("username", "").rpartition("@")
        company_id, _, entity = place.partition("|")
        if not user_id or not company_id:
            raise OAuthError("invalid_request", "The username is to be user@company or user@company|entity")
        company, user, entity = self._holder(client, company_id, user_id, entity)
        return self._granted(client, company, user, entity, refreshable=True)

    def _by_code(self, request: RestRequest, sent: Mapping[str, str]) -> RestAnswer:
        code = self._codes.pop(sent.get("code", ""), None)
        if code is None or code.expires <= self._clock() or code.redirect != sent.get("redirect_uri", ""):
            raise OAuthError("invalid_grant", "The authorization code is invalid or has expired")
        if code.challenge:
            verifier = sent.get("code_verifier", "")
            digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
            if not hmac.compare_digest(digest, code.challenge):
                raise OAuthError("invalid_grant", "The code verifier does not fit the code challenge")
            client = self._named(sent)
        else:
            client = self._client(request, sent, basic=True)
        if client.client_id != code.client_id:
            raise OAuthError("invalid_grant", "The authorization code is of another client")
        company, user, entity = self._holder(client, code.company_id, code.user_id, code.entity)
        return self._granted(client, company, user, entity, refreshable=code.refreshable)

    def _by_refresh(self, request: RestRequest, sent: Mapping[str, str]) -> RestAnswer:
        if request.header("authorization").lower().startswith("basic"):
            raise OAuthError("invalid_client", "The client is to be in the body")
        client = self._client(request, sent, basic=False)
        grant = self._of_refresh(sent.get("refresh_token", ""))
        if grant is None or grant.client_id != client.client_id:
            raise OAuthError("invalid_grant", "The refresh token is invalid")
        entity = sent.get("entity_id", grant.entity)
        company, user, entity = self._holder(client, grant.company_id, grant.user_id, entity)
        keeps = self._settings.behaviour.rest_refresh == "kept"
        return self._granted(
            client, company, user, entity, refreshable=True, refresh_kept=grant.refresh if keeps else "", of=grant
        )

    def _granted(
        self,
        client: RestClientSettings,
        company: CompanyData,
        user: UserSettings,
        entity: str,
        *,
        refreshable: bool,
        refresh_kept: str = "",
        of: Grant | None = None,
    ) -> RestAnswer:
        """A new token. `of` is the grant that it continues, whose former token stays valid until it expires."""
        now, seconds = self._clock(), self._settings.behaviour.rest_token_seconds
        holder = (company.settings.company_id.lower(), user.user_id.lower())
        if of is None and self._settings.behaviour.rest_second_grant == "ends":
            self._end(holder)
        if of is not None:
            for token, other in [*self._grants.items()]:
                if other.refresh == of.refresh:
                    self._grants[token] = replace(other, refresh=refresh_kept)
        access = self._token(user, company, now + seconds)
        refresh = (refresh_kept or self._opaque()) if refreshable else ""
        self._grants[access] = Grant(
            client.client_id, company.settings.company_id, user.user_id, entity, access, refresh, now, now + seconds
        )
        shown = {"token_type": "Bearer", "access_token": access, "expires_in": int(seconds)}
        return RestAnswer(200, {**shown, **({"refresh_token": refresh} if refresh else {})}, _SPACE)

    def _end(self, holder: tuple[str, str]) -> None:
        self._grants = {token: grant for token, grant in self._grants.items() if grant.holder != holder}

    def _of_refresh(self, refresh: str) -> Grant | None:
        return next((one for one in self._grants.values() if refresh and one.refresh == refresh), None)

    # --- who asks

    def _client(self, request: RestRequest, sent: Mapping[str, str], *, basic: bool) -> RestClientSettings:
        header = request.header("authorization")
        if basic and header.lower().startswith("basic "):
            try:
                client_id, _, secret = base64.b64decode(header[6:], validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise OAuthError("invalid_client", "The Basic header cannot be decoded") from None
            sent = {**sent, "client_id": client_id, "client_secret": secret}
        client = self._named(sent)
        if not hmac.compare_digest(client.client_secret.encode(), sent.get("client_secret", "").encode()):
            raise OAuthError("invalid_client", "Client authentication failed")
        return client

    def _named(self, sent: Mapping[str, str]) -> RestClientSettings:
        client = self._settings.rest_client(sent.get("client_id", ""))
        if client is None or not client.active:
            raise OAuthError("invalid_client", "Client authentication failed")
        return client

    def _holder(
        self, client: RestClientSettings, company_id: str, user_id: str, entity: str
    ) -> tuple[CompanyData, UserSettings, str]:
        """The company, the user and the entity, if the company lets this client and this user in."""
        refused = OAuthError("invalid_grant", "The provided credentials are invalid")
        settings = self._settings.company(company_id)
        company = None if settings is None else self._companies.get(settings.company_id)
        if company is None or company.settings.expired or not company.settings.web_services:
            raise refused
        if not {client.client_id, "*"} & {*company.settings.rest_clients}:
            raise OAuthError("invalid_grant", "The client application is not authorized in this company")
        user = user_of(company, user_id)
        if user is None or user.status != ACTIVE:
            raise refused
        if not entity and len(user.entities) == 1:
            entity = user.entities[0]
        if entity and not can_enter(company, user, entity):
            raise refused
        return company, user, entity

    def _signed_in(self, sent: Mapping[str, str]) -> tuple[CompanyData, UserSettings, str]:
        """Who filled in the consent page."""
        wrong = OAuthError("access_denied", "The company, the user or the password is wrong")
        company_id, _, entity = sent.get("company", "").partition("|")
        settings = self._settings.company(company_id)
        company = None if settings is None else self._companies.get(settings.company_id)
        user = None if company is None else user_of(company, sent.get("user", ""))
        if company is None or user is None or user.status != ACTIVE or user.password != sent.get("password", ""):
            raise wrong
        return company, user, entity

    def _token(self, user: UserSettings, company: CompanyData, expires: float) -> str:
        """A token in the form of a JWT, which says the user, the company and the end."""
        parts = [
            {"alg": "HS256", "typ": "JWT"},
            {
                "clientId": self._opaque()[:20],
                "userId": user.user_id,
                "cnyId": company.settings.company_id,
                "exp": int(expires),
            },
        ]
        head = b".".join(base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=") for part in parts)
        seal = hmac.new(self._secret, head, hashlib.sha256).digest()
        return (head + b"." + base64.urlsafe_b64encode(seal).rstrip(b"=")).decode()

    def _opaque(self) -> str:
        return hashlib.blake2b(self._draw().encode(), digest_size=24).hexdigest()


def _parameters(request: RestRequest) -> dict[str, str]:
    """The parameters of a form or of a JSON object."""
    if not request.header("content-type").startswith("application/json"):
        return _form(request.body)
    try:
        sent = msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        raise invalid_request("The body is not JSON") from None
    if not isinstance(sent, dict):
        raise invalid_request("The body is not a JSON object")
    return {name: str(value) for name, value in sent.items() if value is not None}


def _form(body: bytes) -> dict[str, str]:
    values = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: listed[0] for name, listed in values.items()}


def _may_redirect(client: RestClientSettings, redirect: str) -> bool:
    """Whether the application may send a browser there: to a registered address, else by HTTPS or to this machine."""
    if client.redirect_uris:
        return redirect in client.redirect_uris
    parts = urlsplit(redirect)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _redirected(redirect: str, **values: str) -> RestAnswer:
    mark = "&" if urlsplit(redirect).query else "?"
    sent_values = {name: value for name, value in values.items() if value}
    return RestAnswer(302, headers={"location": f"{redirect}{mark}{urlencode(sent_values)}", **_SPACE})


def _page(status: int, body: bytes) -> RestAnswer:
    headers = {"content-type": "text/html; charset=utf-8", "x-frame-options": "DENY", **_SPACE}
    return RestAnswer(status, raw=body, headers=headers)
