"""The doctor's first steps: network, sender, company, user, entity and session.

One sign-in and one query pass or fail all of them, and the text of the answer names the failed step. If Intacct
gives several causes the same answer, a second sign-in without the entity shows whether the entity was the cause. A step
counts as passed only if the answer proves it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.setup.findings import (
    DoctorFinding,
    Status,
    causes_of,
    from_error,
    gateway_text,
    known_finding,
    ok,
)
from intacct_bridge.setup.queries import QueryAnswer, equals, query_all, query_body
from intacct_protocol.errors import IntacctError, SettingsError, SignInError, ThrottledError

SIGN_IN_STEPS = ("network", "sender", "authorised", "company", "subscription", "user", "standing", "entity", "session")
"""The steps of one sign-in, in the order of the report."""
PACE = "pace"
_BUSINESS = ("", "business", "business user", "b")
_PROVEN: Mapping[str, tuple[str, ...]] = {
    "network": (),
    PACE: ("network",),
    "sender": ("network",),
    "authorised": ("network", "sender"),
    "company": ("network", "sender"),
    "subscription": ("network", "sender", "company"),
    "user": ("network", "sender"),
    "standing": ("network", "sender", "company"),
    "entity": SIGN_IN_STEPS[:7],
    "session": SIGN_IN_STEPS[:8],
}
"""The steps that the failure of a step proves as passed; the order of the gateway's own checks is not known."""
_STEP_OF = {
    "gateway-refused": "sender",
    "gateway-sign-in": "sender",
    "sender-wrong": "sender",
    "sender-not-authorised": "authorised",
    "sender-not-authorised-short": "authorised",
    "sender-needs-login": "authorised",
    "company-unknown": "company",
    "demo-expired": "company",
    "web-services-not-subscribed": "subscription",
    "sign-in-wrong": "user",
    "sign-in-other": "user",
    "user-locked": "standing",
    "entity-unknown": "entity",
    "session-lost": "session",
    "session-lost-number": "session",
}
Opener = Callable[[Connection], Client]


@dataclass(slots=True)
class SignInCheck:
    """The sign-in, its findings, and the client and user that result from it."""

    connection: Connection
    open_client: Opener
    writes: bool = False
    client: Client | None = None
    """The client that is signed in; None if the sign-in failed."""
    user: QueryAnswer = field(default_factory=QueryAnswer)
    """The user's own record; empty if the user may not read it."""
    user_id: str = ""
    """The user ID as the gateway returned it."""

    def run(self) -> Iterator[DoctorFinding]:
        """The passed steps, then the failed one, if any. SettingsError for a connection with REST alone."""
        self.connection.require_xml("the doctor")
        client = self.open_client(self.connection)
        try:
            signed = client.sign_in()
            self.user_id = signed.user_id or self.connection.user_id
            if not self.connection.is_legacy:
                self.user = _own_record(client, self.user_id)
        except IntacctError as error:
            yield from self._failed(error)
            return
        self.client = client
        yield from self._passed(SIGN_IN_STEPS[:6], signed.endpoint)
        yield self._standing()
        yield self._entity(client)
        yield from self._passed(("session",), signed.endpoint)

    def _passed(self, steps: tuple[str, ...], endpoint: str = "") -> Iterator[DoctorFinding]:
        connection = self.connection
        moved = "" if endpoint in ("", connection.endpoint) else f", at {endpoint}"
        texts = {
            "network": f"{connection.endpoint} answers",
            "sender": f"{connection.sender_id} and its password are correct",
            "authorised": f"{connection.company_id} accepts {connection.sender_id}",
            "company": f"{connection.company_id} exists",
            "subscription": "active",
            "user": f"{connection.user_id} signed in",
            "standing": "active",
            "entity": connection.location_id or "top level",
            "session": f"works{moved}",
        }
        if connection.authentication == "login":
            texts["session"] = "not used: every request signs in"
        yield from (ok(step, texts[step]) for step in steps)

    def _standing(self) -> DoctorFinding:
        kind = self._cell("USERTYPE")
        if kind.lower() in _BUSINESS:
            return ok("standing", f"active, {kind}" if kind else "active, type unknown")
        return known_finding(
            "standing",
            "user-type-small",
            f"{self.connection.user_id} has the type {kind}",
            status=Status.WARNING,
            ids=self.ids,
        )

    def _entity(self, client: Client) -> DoctorFinding:
        """A finding for a user who is restricted to entities, if the job needs the top level or its records."""
        connection = self.connection
        restricted = self._cell("UNRESTRICTED").lower() in ("false", "f")
        unknown = not self._cell("UNRESTRICTED") and self.writes
        needed = self.writes or not connection.location_id
        if needed and (restricted or unknown) and not _reaches_top(client):
            return known_finding(
                "entity",
                "entity-limited",
                f"{connection.user_id} cannot work at the top level",
                status=Status.FAILURE if self.writes and restricted else Status.WARNING,
                ids=self.ids,
            )
        return next(self._passed(("entity",)))

    def _cell(self, field: str) -> str:
        return self.user.rows[0].get(field, "").strip() if self.user.rows else ""

    @property
    def ids(self) -> dict[str, str]:
        """The values for the placeholders of the doctor's wording."""
        return ids_of(self.connection)

    def _failed(self, error: IntacctError) -> Iterator[DoctorFinding]:
        step = _step_of(error)
        entry = error.diagnosis.entry if error.diagnosis is not None else ""
        if step == "user" and self.connection.location_id and self._signs_in_without_entity():
            yield from self._passed(_PROVEN["entity"])
            yield known_finding(
                "entity",
                "entity-refused",
                gateway_text(error),
                ids=self.ids,
                causes=causes_of("entity-refused", self.ids),
            )
            return
        yield from self._passed(_PROVEN[step])
        if step == "session" and isinstance(error, SettingsError):
            yield known_finding("session", "endpoint-refused", error.message, ids=self.ids)
            return
        without = () if self.connection.location_id else ("entity",)
        yield from_error(step, error, causes=causes_of(entry, self.ids, without=without))

    def _signs_in_without_entity(self) -> bool:
        try:
            self.open_client(replace(self.connection, location_id="")).sign_in()
        except IntacctError:
            return False
        return True


def ids_of(connection: Connection) -> dict[str, str]:
    """The connection's IDs by setting, for the placeholders of the doctor's wording."""
    names = ("name", "sender_id", "company_id", "user_id", "location_id")
    return {name: str(getattr(connection, name)) for name in names}


def _own_record(client: Client, user_id: str) -> QueryAnswer:
    fields = ("LOGINID", "ADMIN", "USERTYPE", "UNRESTRICTED")
    body = query_body("USERINFO", *fields, where=equals("LOGINID", user_id), any_case=True)
    return query_all(client, body)[0]


def _reaches_top(client: Client) -> bool:
    try:
        client.entity("").sign_in()
    except SignInError:
        return False
    return True


def _step_of(error: IntacctError) -> str:
    if isinstance(error, ThrottledError):
        return PACE
    if error.diagnosis is not None and error.diagnosis.entry in _STEP_OF:
        return _STEP_OF[error.diagnosis.entry]
    if isinstance(error, SettingsError) and error.diagnosis is None:
        return "session"  # its endpoint is refused; the connection's own was checked earlier
    if isinstance(error, SignInError):
        return "user" if error.diagnosis is not None else "entity"
    return "network"
