"""A connection: the settings that reach one company, checked once and frozen.

This module defines the settings, their values, and the endpoints that credentials may be sent to; `sources` reads the
settings. Credentials never show in a repr; `secrets` lists them for masking.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from intacct_bridge.machine.secret import Secret, unwrapped
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.uri_text import is_misspelt_address, redacted, uri_secrets

PUBLIC_ENDPOINT = "https://api.intacct.com/ia/xml/xmlgw.phtml"
SECRETS = ("sender_password", "user_password", "oauth_client_secret")
CHOICES = {
    "authentication": ("session", "login"),
    "dtd_version": ("3.0", "2.1"),
    "environment": ("production", "implementation", "demo"),
    "approval": ("none", "required"),
    "send_currency": ("auto", "always", "never"),
    "party_currency": ("use", "refuse"),
    "unusual_rates": ("refuse", "use"),
    "external_ids": ("unique", "label"),
}
"""The words that a setting may have."""
CURRENCY_SETTINGS = ("send_currency", "party_currency", "unusual_rates")
"""Those that each load may have another word for."""
STATUS_MEANINGS = ("live", "draft", "void")
"""What a word for the status of a record can mean."""
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_BY_XML = ("sender_id", "sender_password", "user_password")
"""What the XML interface needs beside the company and the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One company, one user, one sender, and the way to the gateway; checked when it is made.

    >>> Connection(name="books", company_id="acme", user_id="ws", user_password="p", sender_id="s", sender_password="q")
    Connection(name='books', company_id='acme', user_id='ws', sender_id='s')
    """

    name: str = "default"
    company_id: str = ""
    user_id: str = ""
    user_password: "Secret | str" = ""
    sender_id: str = ""
    sender_password: "Secret | str" = ""
    location_id: str = ""
    """The entity to work in; empty means all entities the user can see."""
    client_id: str = ""
    """The client company of a console user (a slide-in); the user and password are the console's."""
    oauth_client_id: str = ""
    """The application of the REST interface; not a console's client. Without the three credentials of XML, the
    connection has the REST interface alone."""
    oauth_client_secret: "Secret | str" = ""
    endpoint: str = PUBLIC_ENDPOINT
    allow_endpoint: bool = False
    """Allows an endpoint outside intacct.com, which will receive the credentials."""
    authentication: str = "session"
    """`session` signs in once; `login` sends the user's credentials with every request."""
    dtd_version: str = "3.0"
    environment: str = "production"
    read_only: bool = False
    """Refuse, before any call, every function that may change something."""
    approval: str = "none"
    """With `required`, only a plan that a person approved is sent."""
    approvers: tuple[str, ...] = ()
    """The people who may approve; empty: everyone."""
    four_eyes: bool = False
    """The person who made a plan may not approve it."""
    send_currency: str = "auto"
    """Send a document whose input names no currency with the one that its plan decided: `always`, `never`, or with
    `auto` if the company has several currencies."""
    party_currency: str = "use"
    """A document without a currency whose party has another than the entity: `use` the party's, or `refuse` it."""
    unusual_rates: str = "refuse"
    """An exchange rate below 0.000001 or above 1,000,000: `refuse` the record, or `use` the rate."""
    external_ids: str = "unique"
    """Whether an external id says which record of its object it is (`unique`), or several may have it (`label`)."""
    concurrency: int = 2
    """The maximum number of requests at a time; the standard service runs one and queues one."""
    monthly_transactions: int | None = None
    """The tier's monthly allowance, shown beside the month's count; it is not a limit."""
    monthly_limit: int | None = None
    """The maximum of API transactions in a month, over all machines that share the outbox in PostgreSQL."""
    outbox: str = ""
    """Path or URI of the outbox, such as `postgresql://...`; empty: one per company in the user's state directory."""
    archive: str = ""
    """Directory for masked, rotated requests and answers; empty: they are not kept."""
    timeout: float = 300.0
    """Seconds to wait for the next byte of an answer."""
    answer_timeout: float = 900.0
    """Seconds that the rest of an answer may take after its first byte. Sage closes a request after 15 minutes."""
    user_agent: str = ""
    """The User-Agent of each request; empty: the name and version of this program."""
    ca_bundle: str = ""
    """PEM file of the authorities to trust; empty: the system's trust store."""
    read_formatting: bool = True
    """Read the user's date format and offset once; if off, month/day/year and UTC are assumed."""
    catalog_hours: float = 36.0
    """Hours after which object definitions on disk are read again."""
    statuses: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What further words for the status of a record in its source mean: `live`, `draft` or `void`."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """The source of each setting, for messages."""

    def __post_init__(self) -> None:
        self._wrap_passwords()
        for setting, allowed in CHOICES.items():
            value = getattr(self, setting)
            if value not in allowed:
                meant = did_you_mean(str(value), allowed)
                self._refuse(setting, f"is {value!r}, and must be one of {', '.join(allowed)}{meant}")
        self._check_requests()
        if is_misspelt_address(self.outbox):  # its text may have a password, and is in no message
            self._refuse("outbox", "is neither a path nor a URI", "Write a path, or postgresql://HOST/DATABASE.")
        for setting in ("approvers", "four_eyes"):
            if getattr(self, setting) and not self.needs_approval:
                self._refuse(setting, "has no effect here", 'Set approval = "required" too, or leave it out.')
        self._check_statuses()
        if self.monthly_limit is not None and not self.outbox.startswith(("postgresql://", "postgres://")):
            self._refuse("monthly_limit", "needs an outbox in PostgreSQL, which counts for all machines")
        for setting in required_settings({name: getattr(self, name) for name in (*_BY_XML, "oauth_client_id")}):
            if not getattr(self, setting):
                self._refuse(setting, "is not set", missing_fix(self.name, setting))
        check_endpoint(self.endpoint, connection=self.name, allow=self.allow_endpoint)

    def _check_requests(self) -> None:
        if self.concurrency < 1:
            self._refuse("concurrency", f"is {self.concurrency}, and must be at least 1")
        for setting in ("timeout", "answer_timeout"):
            if getattr(self, setting) <= 0:
                self._refuse(setting, f"is {getattr(self, setting)}, and must be more than 0 seconds")
        if not (self.user_agent.isascii() and self.user_agent.isprintable()):
            self._refuse("user_agent", f"is {self.user_agent!r}, and may have printable ASCII characters only")

    def _wrap_passwords(self) -> None:
        for setting in SECRETS:
            password = getattr(self, setting)
            object.__setattr__(self, setting, password if isinstance(password, Secret) else Secret(password))

    def _check_statuses(self) -> None:
        for word, meaning in self.statuses.items():
            if meaning not in STATUS_MEANINGS or not any(letter.isalnum() for letter in word):
                self._refuse(f"statuses.{word}", f"is {meaning!r}, and must be one of {', '.join(STATUS_MEANINGS)}")

    def _refuse(self, setting: str, problem: str, fix: str = "") -> None:
        origin = self.origins.get(setting)
        where = f" (from {origin})" if origin else ""
        raise SettingsError(
            f"connection {self.name!r}: {setting} {problem}{where}",
            fix=fix or f"Correct {setting} in the connection's settings.",
        )

    def __repr__(self) -> str:
        defaults = {item.name: item.default for item in fields(self) if item.default is not MISSING}
        shown = [
            f"{setting}={value!r}"
            for setting, value in self.settings().items()
            if setting not in SECRETS and (setting == "name" or value != defaults.get(setting, {}))
        ]
        return f"Connection({', '.join(shown)})"

    def settings(self) -> dict[str, Any]:
        """Every setting by name, with secrets as `***`: safe to print."""
        shown = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "origins"}
        hidden = {name: str(shown[name]) if shown[name] else "" for name in SECRETS}
        return shown | hidden | {"outbox": redacted(self.outbox) if "://" in self.outbox else self.outbox}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The credentials, for masking them in text."""
        credentials = (unwrapped(getattr(self, setting)) for setting in SECRETS)
        return (*filter(None, credentials), *uri_secrets(self.outbox))

    def require_xml(self, purpose: str) -> None:
        """SettingsError if the connection has the REST interface alone. `purpose` is what needs the XML interface."""
        if not self.sender_id:
            raise SettingsError(
                f"connection {self.name!r}: sender_id is not set, and {purpose} needs the XML interface",
                fix=missing_fix(self.name, "sender_id"),
                setting="sender_id",
            )

    @property
    def needs_approval(self) -> bool:
        """Whether writes need a plan that a person approved."""
        return self.approval == "required"

    @property
    def is_legacy(self) -> bool:
        """Whether it uses document type 2.1: each object has functions of its own, and nothing describes its fields."""
        return self.dtd_version == "2.1"

    @property
    def target(self) -> str:
        """The company and entity that a request goes to, in words: `company acme, entity 100 (production)`."""
        entity = f", entity {self.location_id}" if self.location_id else ""
        client = f", client {self.client_id}" if self.client_id else ""
        return f"company {self.company_id}{client}{entity} ({self.environment})"


def required_settings(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The settings that a connection needs: with the application of REST and nothing of XML's, those of REST."""
    if settings.get("oauth_client_id") and not any(settings.get(setting) for setting in _BY_XML):
        return ("company_id", "user_id", "oauth_client_id", "oauth_client_secret")
    return ("sender_id", "sender_password", "company_id", "user_id", "user_password")


SETTINGS = tuple(item.name for item in fields(Connection) if item.name != "origins")


def missing_fix(name: str, setting: str) -> str:
    """The fix for a missing setting: the places where it can be set."""
    return (
        f"Set INTACCT_{setting.upper()}, or `{setting}` under [connections.{name}] in intacct.toml, "
        f"or run `intacct connections add {name}`."
    )


def check_endpoint(endpoint: str, *, connection: str, allow: bool) -> None:
    """Refuse an endpoint other than Intacct over TLS, unless the host is allowed or this machine.

    The rule is that of the official SDKs (`intacct.com` or `*.intacct.com`, with or without a trailing dot) and
    requires https as well.
    """
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    wrong = parts.scheme not in ("https", "http") or not _HOST.fullmatch(host) or parts.username is not None
    if wrong or not endpoint.isprintable():  # readers of addresses differ in what they make of a tab or a line end
        raise SettingsError(
            f"connection {connection!r}: the endpoint {_quoted(endpoint)} is not an https address",
            fix=f"Leave `endpoint` out to use {PUBLIC_ENDPOINT}.",
        )
    if is_loopback(host):
        return
    if parts.scheme == "http":
        raise SettingsError(
            f"connection {connection!r}: the endpoint {_quoted(endpoint)} is not encrypted, so others could"
            " read the credentials",
            fix="Use https. Plain http is accepted only for this machine (127.0.0.1, localhost).",
        )
    bare = host.lower().removesuffix(".")
    if not allow and bare != "intacct.com" and not bare.endswith(".intacct.com"):
        raise SettingsError(
            f"connection {connection!r}: the endpoint's host {host!r} is not in intacct.com, and would receive the"
            " credentials",
            fix="Correct `endpoint`, or set `allow_endpoint = true` if you trust that host.",
        )


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine."""
    bare = host.lower().removesuffix(".")
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def _quoted(endpoint: str) -> str:
    """The endpoint without its user name and password."""
    head, at, tail = endpoint.rpartition("@")
    return repr(f"{head.partition('//')[0]}//***@{tail}" if at else endpoint)
