"""A gateway of texts, with answers in documented shapes, and clocks that tests advance."""

import itertools
import re
from collections.abc import Callable, Iterable
from typing import Any

from intacct_bridge.connections.connection import Connection
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.envelope import Function, Login, Request, SessionAuth
from intacct_protocol.xml.reply import Reply

ENDPOINT = "https://api.intacct.com/ia/xml/xmlgw.phtml"
POD = "https://na12.intacct.com/ia/xml/xmlgw.phtml"
USER_SECRET, SENDER_SECRET = "planted-user-<&'\"secret", "planted-sender-secret"
DATE = "Wed, 14 Oct 2026 09:00:00 GMT"


def connection(**more: Any) -> Connection:
    """A connection whose secrets are easy to find."""
    settings: dict[str, Any] = {
        "name": "books",
        "company_id": "acme",
        "user_id": "ws",
        "user_password": USER_SECRET,
        "sender_id": "sender",
        "sender_password": SENDER_SECRET,
        "read_formatting": False,
    }
    return Connection(**(settings | more))


class Time:
    """A steady clock that only sleeping advances."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def fault(errorno: str = "", text: str = "", *, description: str = "", correction: str = "") -> str:
    """Shape: one `<error>` (DTD; error-handling page)."""
    return (
        f"<error><errorno>{errorno}</errorno><description>{description}</description>"
        f"<description2>{text}</description2><correction>{correction}</correction></error>"
    )


def refused(*faults: str, echo: bool = True) -> str:
    """Shape: a failed control block, its echo missing where the application was never reached."""
    echoed = "<senderid>sender</senderid><controlid>c</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion>"
    return (
        f"<response><control><status>failure</status>{echoed if echo else ''}</control>"
        f"<errormessage>{''.join(faults)}</errormessage></response>"
    )


def unauthenticated(*faults: str) -> str:
    """Shape: a failed authentication block: no session times, no results."""
    return (
        f"<response>{CONTROL}<operation><authentication><status>failure</status><userid>ws</userid>"
        f"<companyid>acme</companyid></authentication><errormessage>{''.join(faults)}</errormessage></operation></response>"
    )


CONTROL = (
    "<control><status>success</status><senderid>sender</senderid><controlid>c</controlid>"
    "<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control>"
)
STARTED, ENDS = "2026-10-14T09:00:00+00:00", "2026-10-14T11:00:00+00:00"


def answered(*results: str, ends: str = ENDS, started: str = STARTED) -> str:
    """Shape: a successful answer."""
    return (
        f"<response>{CONTROL}<operation><authentication><status>success</status><userid>ws</userid>"
        f"<companyid>acme</companyid><locationid></locationid><sessiontimestamp>{started}</sessiontimestamp>"
        f"<sessiontimeout>{ends}</sessiontimeout></authentication>{''.join(results)}</operation></response>"
    )


def result(function: Function, data: str = "", *, key: str | None = None) -> str:
    """Shape: one successful result."""
    more = f"<key>{key}</key>" if key is not None else ""
    return (
        f"<result><status>success</status><function>{function.name}</function>"
        f"<controlid>{function.control_id}</controlid>{more}{data}</result>"
    )


def failed(function: Function, *faults: str, status: str = "failure", data: str = "") -> str:
    """Shape: one failed or aborted result, with what was done all the same."""
    return (
        f"<result><status>{status}</status><function>{function.name}</function><controlid>{function.control_id}"
        f"</controlid>{data}<errormessage>{''.join(faults)}</errormessage></result>"
    )


def session_data(session_id: str, endpoint: str = POD, location: str = "") -> str:
    """Shape: what getAPISession gives."""
    return (
        f"<data><api><sessionid>{session_id}</sessionid><endpoint>{endpoint}</endpoint>"
        f"<locationid>{location}</locationid></api></data>"
    )


Handler = Callable[[Function, Request], str]
"""From a function to its `<result>`; may raise `Answer` to answer the whole request otherwise."""


class Answer(Exception):  # noqa: N818
    """Answer the whole request with this."""

    def __init__(self, reply: Reply | str) -> None:
        super().__init__()
        self.reply = reply if isinstance(reply, Reply) else xml(reply)


def xml(text: str, status: int = 200, **headers: str) -> Reply:
    """A reply as HTTP delivers it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, text.encode(), {"content-type": 'text/xml; encoding="UTF-8"', "date": DATE, **named})


class Gateway:
    """A transport that answers sign-ins itself and gives every other function to the handler; it keeps the requests.

    `before` holds replies or errors, one for each of the next requests, in place of the ordinary answer.
    """

    def __init__(self, handler: Handler | None = None, *, before: Iterable[Reply | Exception | None] = ()) -> None:
        self.handler = handler or (lambda function, _: result(function))
        self.before = list(before)
        self.requests: list[Request] = []
        self.endpoints: list[str] = []
        self.bodies: list[bytes] = []
        self.valid_sessions: dict[str, str] = {}
        self._ids = (f"session-{n}" for n in itertools.count(1))

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        self.endpoints.append(endpoint)
        self.bodies.append(body)
        request = decode_request(body)
        self.requests.append(request)
        scripted = self.before.pop(0) if self.before else None
        if isinstance(scripted, Exception):
            raise scripted
        if scripted is not None:
            return scripted
        operation = request.operations[0]
        if isinstance(operation.authentication, SessionAuth):
            if operation.authentication.session_id not in self.valid_sessions:
                return xml(unauthenticated(fault("XL03000006", "Sign-in information is incorrect")))
        elif operation.authentication.password != USER_SECRET:
            return xml(unauthenticated(fault("XL03000006", "Sign-in information is incorrect")))
        try:
            return xml(answered(*(self._result(function, request) for function in operation.functions)))
        except Answer as other:
            return other.reply

    def _result(self, function: Function, request: Request) -> str:
        if function.name != "getAPISession":
            return self.handler(function, request)
        authentication = request.operations[0].authentication
        asked = function.body.find("locationid")
        if asked is not None:
            location = asked.text
        else:
            location = (authentication.location_id or "") if isinstance(authentication, Login) else ""
        session_id = next(self._ids)
        self.valid_sessions[session_id] = location
        return result(function, session_data(session_id, location=location))

    @property
    def names(self) -> list[str]:
        """The functions of every request, joined."""
        return [" ".join(function.name for function in each.operations[0].functions) for each in self.requests]


def tags(text: str, name: str) -> list[str]:
    """The texts of all elements of that name, found by a pattern, without the package's parser."""
    return re.findall(f"<{name}>([^<]*)</{name}>", text)
