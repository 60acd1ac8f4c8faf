"""What every part of the REST interface works with: the company, the session and the time of one request."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from intacct_emulator.company.company_data import CompanyData, FunctionAnswer, FunctionCall
from intacct_emulator.company.sessions import EmulatedSession, Sessions
from intacct_emulator.rest.messages import ErrorDetail, RestRefusedError
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.refusals import FunctionRefusedError
from intacct_protocol.errors import Fault
from intacct_protocol.xml.xml import Element

_NO_NAMES: Mapping[str, str] = MappingProxyType({})
_NO_RIGHT = "You do not have permission"

Scripted = Sequence[Callable[[], Fault | None]]
"""For each function of a request, what gives the scripted error of its next record."""


@dataclass(frozen=True, slots=True)
class RestWork:
    """One request of a signed-in user."""

    company: CompanyData
    session: EmulatedSession
    sessions: Sessions
    now: float
    """Seconds since the epoch, by the company's clock."""
    base: str = ""
    """The address of the interface, as the client sees it."""
    headers: Mapping[str, str] = field(default_factory=dict)
    scripted: Scripted = ()
    """For each function of the request, the scripted error of its next record."""

    @property
    def behaviour(self) -> Behaviour:
        """The settings of the company's behaviour."""
        return self.company.behaviour

    def call(self, body: Element) -> FunctionCall:
        """A call of a function of the XML interface, in this session."""
        return FunctionCall(self.company, self.session, body, "rest", self.now, self.sessions)

    def refuse_scripted(self) -> None:
        """Raise the scripted error of the next record, if it has one."""
        fault = self.scripted[0]() if self.scripted else None
        if fault is not None:
            raise rule_refusal([fault])

    def run(
        self, handler: Callable[[FunctionCall], FunctionAnswer], body: Element, names: Mapping[str, str]
    ) -> FunctionAnswer:
        """Run a function of the XML interface. Raises RestRefusedError with its faults.

        `names` are the REST names of the XML fields that a fault may name.
        """
        try:
            answer = handler(self.call(body))
        except FunctionRefusedError as error:
            raise rule_refusal(error.faults, names) from None
        if answer.faults:
            raise rule_refusal(answer.faults, names)
        return answer


def rule_refusal(faults: Iterable[Fault], names: Mapping[str, str] = _NO_NAMES) -> RestRefusedError:
    """The refusal of a business rule, with the numbers and texts that the XML interface has."""
    listed = list(faults)
    details = [
        ErrorDetail(
            fault.description2 or fault.description or fault.errorno,
            target=f"/{names.get(fault.field, fault.field).replace('.', '/')}" if fault.field else "",
            code=fault.errorno,
            correction=fault.correction,
        )
        for fault in listed
    ]
    first = listed[0].description2 or listed[0].description
    if first.startswith(_NO_RIGHT):
        return RestRefusedError(403, "operationNotPermitted", first, details=details)
    return RestRefusedError(422, "operationFailed", first or "The operation failed", details=details)
