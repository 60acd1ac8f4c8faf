"""The doctor's first steps: the network, the sender, the company's door, the user, the entity.

One sign-in passes or fails all of them, and the answer's text tells at which step. Where Intacct answers several causes
alike, one more sign-in may part them: without the entity, to see whether it was the entity.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from intacct_bridge.client.client import Client
from intacct_bridge.client.connection import Connection
from intacct_bridge.edge.findings import Finding, from_error, ok
from intacct_bridge.errors import IntacctError, SettingsError, TransientError
from intacct_bridge.wire.reply import ConnectionCutError

NETWORK, SENDER, AUTHORISED = "network and TLS", "sender", "sender authorised"
COMPANY, SUBSCRIBED, USER, ENTITY = "company", "Web Services subscription", "user", "entity"
SIGN_IN = "company id, user id and password"
"""Where Intacct does not say which of them it was; then nothing is known of the company either."""
DOOR = (NETWORK, SENDER, AUTHORISED, COMPANY, SUBSCRIBED, USER, ENTITY)
"""The steps of one sign-in, in the order in which the gateway checks them."""

_STEP_OF = {
    "gateway-refused": SENDER,
    "gateway-sign-in": SENDER,
    "sender-wrong": SENDER,
    "sender-not-authorised": AUTHORISED,
    "sender-not-authorised-short": AUTHORISED,
    "sender-needs-login": AUTHORISED,
    "company-unknown": COMPANY,
    "demo-expired": COMPANY,
    "web-services-not-subscribed": SUBSCRIBED,
    "sign-in-wrong": SIGN_IN,
    "sign-in-other": SIGN_IN,
    "user-locked": USER,
    "entity-unknown": ENTITY,
}
Opener = Callable[[Connection], Client]


def enter(connection: Connection, open_client: Opener) -> Iterator[Finding]:
    """The steps of the sign-in: those passed, then the one that failed, if one did."""
    client = open_client(connection)
    try:
        client.sign_in()
    except IntacctError as error:
        yield from _failed(error, connection, open_client)
        return
    yield from _passed(connection, DOOR)


def _passed(connection: Connection, steps: tuple[str, ...]) -> Iterator[Finding]:
    seen = {
        NETWORK: f"{connection.endpoint} answers",
        SENDER: f"{connection.sender_id} and its password are right",
        AUTHORISED: f"{connection.sender_id} may call on {connection.company_id}",
        COMPANY: f"{connection.company_id} is there",
        SUBSCRIBED: "on",
        USER: f"{connection.user_id} signed in",
        ENTITY: f"works in {connection.location_id}" if connection.location_id else "works at the top level",
    }
    yield from (ok(step, seen[step]) for step in steps)


def _failed(error: IntacctError, connection: Connection, open_client: Opener) -> Iterator[Finding]:
    step = _step_of(error)
    if step == SIGN_IN and connection.location_id and _enters_without_entity(connection, open_client):
        step = ENTITY
    before = (NETWORK, SENDER) if step == SIGN_IN else DOOR[: DOOR.index(step)]
    yield from _passed(connection, before)
    finding = from_error(step, error, causes=_causes(step, error, connection))
    if step == ENTITY:
        finding = replace(
            finding,
            means=f"The user signs in without an entity, so it is the entity {connection.location_id} that is refused.",
            fix="Use an active entity's ID (not its name) in `location_id`, or widen the user's entity restrictions.",
            menu="Company ▸ Admin ▸ Web Services users ▸ (the user) ▸ User entities",
        )
    yield finding


def _step_of(error: IntacctError) -> str:
    if error.diagnosis is not None and error.diagnosis.entry in _STEP_OF:
        return _STEP_OF[error.diagnosis.entry]
    if isinstance(error, ConnectionCutError | TransientError | SettingsError):
        return NETWORK
    return SIGN_IN if error.diagnosis is not None and error.diagnosis.kind == "sign_in" else NETWORK


def _enters_without_entity(connection: Connection, open_client: Opener) -> bool:
    try:
        open_client(replace(connection, location_id="")).sign_in()
    except IntacctError:
        return False
    return True


def _causes(step: str, error: IntacctError, connection: Connection) -> tuple[str, ...]:
    """Every cause that this answer may have, where the gateway does not tell them apart."""
    entry = error.diagnosis.entry if error.diagnosis is not None else ""
    if step == SENDER:
        causes = (
            f"the sender id {connection.sender_id} is misspelt, or in another case (it is case-sensitive)",
            "the sender password is wrong (it is case-sensitive; only Sage can reset it)",
            "Sage has deactivated the sender",
        )
        more = ("the request is malformed",) if entry == "gateway-refused" else ()
        return causes + more
    if step == AUTHORISED and entry != "sender-needs-login":
        return (
            f"{connection.sender_id} is not in the company's list of Web Services authorizations",
            "it is in the list, and its status is inactive",
            f"it is in the list in another case: compare every letter with {connection.sender_id}",
        )
    if step == SIGN_IN:
        return (
            f"the company id {connection.company_id} is wrong, or belongs to another environment",
            f"the user id {connection.user_id} is wrong (it is not the e-mail address)",
            "the user's password is wrong or has expired",
            "the user is inactive or locked out",
            "the company only admits certain addresses (IP filter), and this machine's is not among them",
        )
    return ()
