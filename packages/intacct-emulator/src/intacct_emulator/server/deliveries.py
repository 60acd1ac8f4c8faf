"""Asynchronous answers: a request with a transport policy is acknowledged, and its answer is sent to the policy's URL.

Policies are set up beforehand (`[policies]` of a scenario: a name with a URL on loopback). The work is done after the
acknowledgement, one job of a company at a time, and then the answer is sent. Each delivery and its outcome is kept. A
failed delivery is not repeated: no source says that it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from threading import Thread
from urllib.parse import urlsplit

from intacct_emulator.settings.companies import PolicySettings
from intacct_emulator.settings.refusals import bad_policy, too_large
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.envelope import Control

MOST_CHARACTERS = 500_000
"""The largest request that may have a transport policy, in bytes."""
DELIVERED, LOST = "delivered", "lost"
_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Delivery:
    """One answer of an asynchronous request on its way."""

    policy: str
    """Empty for a request of the REST interface that names an address itself."""
    control_id: str
    """Of the request's control block; the id of the job for a request of the REST interface."""
    at: float
    """Seconds since the epoch, by the emulator's clock."""
    outcome: str
    """`delivered`, `lost` by a scripted fault, or why it failed: `HTTP 500`, `not reachable`."""


def check_policies(policies: Mapping[str, PolicySettings]) -> None:
    """Check that every policy leads to loopback over HTTP. Raises SettingsError naming one that does not."""
    for name, policy in policies.items():
        if not is_on_loopback(policy.url):
            raise SettingsError(
                f"the URL of policy {name} is not on loopback: {policy.url}",
                fix="Use an address such as http://127.0.0.1:8080/answers.",
            )


def delivery_policy(policies: Mapping[str, PolicySettings], control: Control, size: int) -> PolicySettings:
    """The request's policy. Raises ControlRefusedError."""
    name = control.policy_id or ""
    policy = policies.get(name)
    if policy is None:
        raise bad_policy(name)
    if size > MOST_CHARACTERS:
        raise too_large(MOST_CHARACTERS)
    return policy


def is_on_loopback(url: str) -> bool:
    """Whether an address is one of this machine, over HTTP."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def post_later(url: str, body: bytes, report: Callable[[str], None]) -> None:
    """Send an answer from a separate thread, and report its outcome."""
    Thread(target=lambda: report(_post(url, body)), name="delivery", daemon=True).start()


def _post(url: str, body: bytes) -> str:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_SECONDS)
    try:
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        kind = "application/json" if body.startswith((b"{", b"[")) else "text/xml"
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException) as error:
        return f"not reachable: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    return DELIVERED if answer.status < 400 else f"HTTP {answer.status}"
