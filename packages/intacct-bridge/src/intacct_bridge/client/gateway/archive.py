"""The archive of requests and answers for support: masked, readable by their owner only, the oldest removed.

Credential elements are masked by name, and the connection's own secrets everywhere else, in every form that XML or a
URL may give them.
"""

import itertools
import os
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

from intacct_protocol.errors import Fault, SettingsError
from intacct_protocol.model.masking import without_secrets as hidden
from intacct_protocol.xml.codec import masked
from intacct_protocol.xml.reply import ConnectionCutError, Reply, Transport

KEPT = 500
"""The number of exchanges kept before the oldest is removed."""
_APOSTROPHES = ("'", "&apos;", "&#39;", "&#039;", "&#x27;")
_SHORTEST = 4
"""A shorter secret is masked in its own element of an archived request only: as a word it would mask numbers."""


_SESSIONS = 50
_SESSION = re.compile(rb"<sessionid>([^<]{8,})</sessionid>")
"""A session id is a credential while it is valid; the latest ones are masked everywhere."""


def secret_forms(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """Every form in which the secrets may be written, the longest first so that no part of one is left.

    A gateway may quote a request within an answer, so a secret may be escaped twice.
    """
    forms: set[str] = set()
    for secret in secrets:
        if secret:
            forms |= {quote(secret), quote(secret, safe=""), quote_plus(secret)}
            forms |= {secret.encode("unicode_escape").decode(), secret.replace('"', '\\"'), secret.replace("'", "\\'")}
            forms |= {secret, *_escaped(secret), *(twice for once in _escaped(secret) for twice in _escaped(once))}
    return tuple(sorted(forms, key=len, reverse=True))


def _escaped(text: str) -> set[str]:
    """The text escaped for XML, with and without its quotes."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    ways = {plain, plain.replace('"', "&quot;"), plain.replace('"', "&#34;")}
    return {way.replace("'", apostrophe) for way in ways for apostrophe in _APOSTROPHES}


def without_secrets(text: str, forms: tuple[str, ...]) -> str:
    """The text with every form replaced by `***`."""
    return hidden(text, forms)


def fault_without_secrets(fault: Fault, forms: tuple[str, ...]) -> Fault:
    """The fault with its strings masked: a gateway may quote the values of a refused request."""
    parts = (fault.errorno, fault.description, fault.description2, fault.correction)
    hidden = [without_secrets(part, forms) for part in (*parts, fault.support_id, fault.errorid, fault.field)]
    return Fault(*hidden)


class Archive:
    """A transport around another one that writes each exchange to disk; SettingsError if it cannot be written."""

    def __init__(
        self,
        transport: Transport,
        directory: Path,
        *,
        secrets: tuple[str, ...] = (),
        limit: int = KEPT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transport = transport
        self._directory = directory.expanduser()
        self._forms = [form for form in secret_forms(secrets) if len(form) >= _SHORTEST]
        self._sessions: deque[bytes] = deque(maxlen=_SESSIONS)
        self._limit = limit
        self._now = now
        self._count = itertools.count(1)
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SettingsError(f"the archive {self._directory} cannot be created: {error.strerror}") from None

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        """The exchange of the inner transport, written before and after it."""
        stem = f"{self._now():%Y%m%dT%H%M%S.%f}-{os.getpid()}-{next(self._count):06d}"
        try:
            self._write(f"{stem}-request.xml", body)
        except OSError as error:
            raise SettingsError(f"the archive {self._directory} cannot be written: {error.strerror}") from None
        try:
            reply = self._transport(endpoint, body)
            answer = reply.body
        except ConnectionCutError as error:
            with suppress(OSError):
                self._write(f"{stem}-cut.txt", f"{error}\n".encode())
            raise
        # An answer must reach its caller even if the disk is full: it may be the outcome of a write.
        with suppress(OSError):
            self._write(f"{stem}-{reply.status}-answer.xml", answer)
            self._rotate()
        return reply

    def _write(self, name: str, content: bytes) -> None:
        fresh = {found[1] for found in _SESSION.finditer(content)} - set(self._sessions)
        self._sessions.extend(fresh)
        text = masked(content).decode(errors="surrogateescape")
        content = hidden(text, self._forms).encode(errors="surrogateescape")
        for session in self._sessions:
            content = content.replace(session, b"***")
        handle = os.open(self._directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(content)

    def _rotate(self) -> None:
        requests = sorted(self._directory.glob("*-request.xml"))
        for old in requests[: -self._limit]:
            for each in self._directory.glob(f"{old.name.removesuffix('-request.xml')}-*"):
                each.unlink(missing_ok=True)
