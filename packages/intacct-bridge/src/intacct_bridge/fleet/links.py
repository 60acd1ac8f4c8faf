"""The links by which tenants' administrators reach the credential page, seen from that page.

A token is looked up by its hash, so the time of a lookup says nothing about it.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from intacct_bridge.fleet.fleet import Fleet
from intacct_protocol.errors import RefusedError

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_REASONS = {
    "unknown": "This link is incomplete or unknown.",
    "used": "This link was already used. Each link works once.",
    "expired": "This link has expired, or was revoked.",
}


@dataclass(frozen=True, slots=True)
class CredentialLink:
    """A link of a tenant."""

    id: str
    """The hash of its token."""
    tenant: str
    expires_at: datetime


class LinkError(RefusedError):
    """A link that cannot be used."""

    def __init__(self, reason: str, link: str = "") -> None:
        super().__init__(_REASONS[reason], fix="Ask for a new link.")
        self.reason = reason
        """`unknown`, `used` or `expired`."""
        self.link = link
        """The id of a used link; empty for another one."""


def open_link(fleet: Fleet, token: str) -> CredentialLink:
    """The link of a token, which this does not use up. LinkError for one that cannot be used."""
    if not _TOKEN.fullmatch(token):
        raise LinkError("unknown")
    token_hash = sha256(token.encode()).hexdigest()
    stored = fleet.registry.link(token_hash)
    if stored is None:
        raise LinkError("unknown")
    tenant, expires_at, used = stored
    if expires_at <= fleet.registry.now():
        raise LinkError("expired")
    if used:
        raise LinkError("used", token_hash)
    return CredentialLink(token_hash, tenant, expires_at)


def use_link(fleet: Fleet, token: str) -> CredentialLink:
    """Use a link up. LinkError if it cannot be used, or if someone else was faster."""
    link = open_link(fleet, token)
    try:
        fleet.use_link(token)
    except RefusedError:
        raise LinkError("used") from None
    return link


def is_in_force(fleet: Fleet, link: CredentialLink) -> bool:
    """Whether the session of a link goes on: its tenant was not removed, and its links were not ended."""
    stored = fleet.registry.link(link.id)
    return stored is not None and stored[0] == link.tenant and stored[1] == link.expires_at
