"""A web hook as a receiver: CloudEvents 1.0 in an HTTP POST, signed as the Standard Webhooks specification says.

One event is a structured-mode message (`application/cloudevents+json`), several are a batch
(`application/cloudevents-batch+json`). The headers `webhook-id`, `webhook-timestamp` and `webhook-signature` let the
receiver check who sent a message, and recognise one that it has already taken: a repeated delivery has the same id.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from intacct_bridge.changes.delivery import DeliveryError
from intacct_bridge.changes.event import ChangeEvent, encode
from intacct_bridge.connections.connection import is_loopback
from intacct_bridge.export_maps.web_hook import NoAnswerError, WebHook
from intacct_protocol.errors import SettingsError

_PREFIX = "whsec_"
_GONE = 410
"""The answer of a receiver that wants no more messages."""
_SECRET_BYTES = (24, 64)
"""The lengths that the specification allows."""


class WebhookReceiver:
    """Posts events to one address."""

    def __init__(self, url: str, *, secret: str = "", timeout: float, now: Callable[[], float] = time.time) -> None:
        """`secret`: `whsec_` and 24 to 64 bytes in base64; empty: messages are not signed. `now`: seconds since 1970.

        `timeout`: seconds for a whole delivery, until the end of the answer. A user and a password in the address are
        sent as Basic authentication. SettingsError for an address without HTTPS that is not on this machine, and for
        another form of secret.
        """
        self._hook = WebHook(url, seconds=timeout)
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise SettingsError(f"{self._hook.host} is not encrypted", fix="use an https:// address")
        self._key = signing_key(secret) if secret else b""
        self._now = now

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """POST the events; DeliveryError for every answer but 2xx, a redirect included, and for none."""
        single = len(events) == 1
        body = encode(events[0].cloud_event() if single else [one.cloud_event() for one in events])
        headers = {
            "content-type": f"application/cloudevents{'' if single else '-batch'}+json; charset=utf-8",
            "user-agent": "intacct-bridge",
            **self._signature(_message_id(events), body),
        }
        try:
            answer = self._hook.post(body, headers)
        except NoAnswerError as error:
            raise DeliveryError(f"{self._hook.host} {error}") from None
        if not answer.accepted:
            reason = f"{self._hook.host} answered with HTTP {answer.status}{': ' if answer.text else ''}{answer.text}"
            wait = self._seconds(answer.headers.get("retry-after", ""), answer.headers.get("date", ""))
            raise DeliveryError(reason, retry_after=wait, final=answer.status == _GONE)

    def _seconds(self, text: str, date: str) -> float | None:
        """The time of a header Retry-After: a number of seconds, or a date by the receiver's clock."""
        if text.isascii() and text.isdecimal():
            return float(text)
        then = _moment(text)
        return None if then is None else max(0.0, then - (_moment(date) or self._now()))

    def _signature(self, message: str, body: bytes) -> dict[str, str]:
        at = str(int(self._now()))
        headers = {"webhook-id": message, "webhook-timestamp": at}
        if self._key:
            signed = hmac.new(self._key, f"{message}.{at}.".encode() + body, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
        return headers

    def close(self) -> None:
        """Close all connections."""
        self._hook.close()


def signing_key(secret: str) -> bytes:
    """The key in a secret of the form `whsec_...`."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not _SECRET_BYTES[0] <= len(key) <= _SECRET_BYTES[1]:
        raise SettingsError(
            "the signing secret is not of the form whsec_ and 24 to 64 bytes in base64",
            fix='make one with: python -c "import base64, secrets;'
            " print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())\"",
        )
    return key


def _moment(text: str) -> float | None:
    """An HTTP date in seconds since 1970; None if there is none."""
    with suppress(ValueError, TypeError, OverflowError):
        return parsedate_to_datetime(text).timestamp()
    return None


def _message_id(events: Sequence[ChangeEvent]) -> str:
    """An id that is the same for every delivery of the same events."""
    if len(events) == 1:
        return events[0].id
    return "batch-" + hashlib.sha256("\n".join(one.id for one in events).encode()).hexdigest()[:32]
