"""Asynchronous answers: a request with a transport policy is acknowledged, and its answer is sent to the policy's URL.

Policies are set up beforehand (`[policies]` of a scenario: name to URL on loopback). The work is done at once, and a
separate thread delivers the answer, so that the client has the acknowledgement first.
"""

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from threading import Thread
from urllib.parse import urlsplit

from intacct_bridge.emulator.settings.refusals import bad_policy, too_large
from intacct_bridge.errors import SettingsError
from intacct_bridge.wire.envelope import Control

MOST_CHARACTERS = 500_000
"""The largest request that may have a transport policy, in bytes."""
_SECONDS = 30


def check_policies(policies: dict[str, str]) -> None:
    """Check that every policy leads to loopback over HTTP. Raises SettingsError naming one that does not."""
    for name, url in policies.items():
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "http" or not (host == "localhost" or _is_loopback(host)):
            raise SettingsError(
                f"the URL of policy {name} is not on loopback: {url}",
                fix="Use an address such as http://127.0.0.1:8080/answers.",
            )


def delivery_url(policies: Mapping[str, str], control: Control, size: int) -> str:
    """The URL of the request's policy, which its answer goes to. Raises ControlRefusedError."""
    policy = control.policy_id or ""
    url = policies.get(policy)
    if url is None:
        raise bad_policy(policy)
    if size > MOST_CHARACTERS:
        raise too_large(MOST_CHARACTERS)
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def post_later(url: str, body: bytes) -> None:
    """Send an answer from a separate thread. It is not repeated where the URL does not answer, as with the real one."""
    Thread(target=_post, args=(url, body), name="delivery", daemon=True).start()


def _post(url: str, body: bytes) -> None:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_SECONDS)
    try:
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("POST", path, body, {"Content-Type": "text/xml"})
        connection.getresponse().read()
    except (OSError, HTTPException):
        pass
    finally:
        connection.close()
