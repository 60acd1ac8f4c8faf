"""Answers: what the functions of a request returned, as one HTTP reply.

An answer has white space between its elements unless the request says `includewhitespace` false: a line break goes
before every element, and before every closing tag that follows one. An element that holds text, or nothing, stays as
it is, so that null stays null.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import formatdate

from intacct_emulator.company.company_data import FunctionAnswer
from intacct_emulator.company.render import with_pages
from intacct_emulator.company.sessions import EmulatedSession
from intacct_emulator.handlers.dispatch import FunctionOutcome
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.error_ids import identified
from intacct_emulator.settings.faults import delayed, gateway_refusal
from intacct_emulator.settings.refusals import ControlRefusedError
from intacct_protocol.errors import Fault
from intacct_protocol.xml.codec import encode_response
from intacct_protocol.xml.envelope import (
    FAILURE,
    SUCCESS,
    Authentication,
    Control,
    ControlEcho,
    Login,
    OperationResult,
    Response,
    SignedIn,
)
from intacct_protocol.xml.reply import Reply


@dataclass(frozen=True, slots=True)
class OperationAnswer:
    """The answer to one operation: its sign-in, and the outcome of each function; or why it was refused."""

    signed_in: SignedIn
    outcomes: Sequence[FunctionOutcome] = ()
    faults: tuple[Fault, ...] = ()
    ahead: float = 0.0
    """Seconds by which the company's clock is ahead of the emulator's."""


class AnswerWriter:
    """Writes the answers of one emulator."""

    def __init__(self, behaviour: Behaviour, seed: int, clock: Callable[[], float]) -> None:
        self._behaviour, self._seed, self._clock = behaviour, seed, clock

    def refusal(self, control: Control | None, error: ControlRefusedError) -> Reply:
        """The whole request is refused, without a control block if it has none that can be read."""
        if not error.echo:
            return gateway_refusal(error.http_status, error.faults[0].errorno, error.faults[0].description)
        echo = error.control or (ControlEcho(FAILURE) if control is None else _echo(control, FAILURE))
        faults = tuple(_with_support_id(fault, echo.control_id) for fault in error.faults)
        return self._reply(encode_response(Response(echo, faults=faults)), status=error.http_status)

    def acknowledgement(self, control: Control) -> Reply:
        """The request was taken, and its answer goes elsewhere."""
        return self._reply(encode_response(Response(_echo(control, SUCCESS), acknowledged=True)))

    def answer(self, control: Control, operations: Sequence[OperationAnswer]) -> Reply:
        """The results of all operations, or the bare body that one of their functions asked for."""
        answers = [one.answer for operation in operations for one in operation.outcomes]
        wait = sum(one.wait for one in answers)
        ahead = next((one.ahead for one in operations if one.signed_in.status == SUCCESS), 0.0)
        bare = _bare(answers)
        if bare is not None:
            reply = self._reply(*bare, ahead=ahead)
            return delayed(reply, wait) if wait else reply
        results = tuple(self._operation(control, one) for one in operations)
        additional = control.show_additional_error_info
        document = encode_response(Response(_echo(control, SUCCESS), results), additional=additional)
        pages = [one.data for one in answers if one.data is not None]
        document = with_pages(document, pages, whitespace=control.include_whitespace)
        reply = self._reply(document, ahead=ahead)
        return delayed(reply, wait) if wait else reply

    def _operation(self, control: Control, operation: OperationAnswer) -> OperationResult:
        results = (one.result for one in operation.outcomes)
        return OperationResult(
            operation.signed_in,
            tuple(replace(one, faults=self._faults(control, one.faults)) if one.faults else one for one in results),
            self._faults(control, operation.faults),
        )

    def _faults(self, control: Control, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
        """Faults with a support id. Stable id and field are only for requests that ask for additional information."""
        return tuple(self._fault(control, fault) for fault in faults)

    def _fault(self, control: Control, fault: Fault) -> Fault:
        if control.show_additional_error_info:
            fault = identified(fault, self._behaviour, self._seed)
        else:
            fault = replace(fault, errorid="", field="")
        return _with_support_id(fault, control.control_id)

    def _reply(self, body: bytes, content_type: str = "", *, status: int = 200, ahead: float = 0.0) -> Reply:
        content_type = content_type or self._behaviour.content_type
        date = formatdate(self._clock() + ahead, usegmt=True)  # clients take it for the company's time
        return Reply(status, body, {"content-type": content_type, "date": date})


def _with_support_id(fault: Fault, control_id: str) -> Fault:
    """The fault with an id for Sage's support, if it has a text that the id can follow."""
    if not fault.description2 or fault.support_id:
        return fault
    digest = hashlib.blake2b(f"{control_id}/{fault}".encode(), digest_size=6).hexdigest()
    return replace(fault, support_id=f"{digest[:9]}~{digest[9:]}")


def signed_in(session: EmulatedSession, now: float, ahead: float = 0.0) -> SignedIn:
    """The authentication block of an operation whose user signed in, by the company's clock.

    That is some seconds ahead of the emulator's, by which sessions expire.
    """
    return SignedIn(
        SUCCESS,
        session.user.user_id,
        session.company_id,
        session.entity,
        session_timestamp=_moment(now),
        session_timeout=_moment(session.expires + ahead),
    )


def not_signed_in(authentication: Authentication) -> SignedIn:
    """The authentication block of an operation whose sign-in was refused."""
    if isinstance(authentication, Login):
        return SignedIn(FAILURE, authentication.user_id, authentication.company_id)
    return SignedIn(FAILURE)


def _bare(answers: Sequence[FunctionAnswer]) -> tuple[bytes, str] | None:
    """The first body, with its content type, that stands for the whole response."""
    return next(((one.bare, one.content_type) for one in answers if one.bare is not None), None)


def _echo(control: Control, status: str) -> ControlEcho:
    return ControlEcho(
        status, control.sender_id, control.control_id, str(control.uniqueid).lower(), control.dtd_version
    )


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%S}+00:00"
