"""A verification: every probe is asked once, and each answer is compared with the emulator's and with what loads and
extraction expect.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from intacct_bridge.client.client import Client
from intacct_bridge.setup.calibration import TimeCheck
from intacct_bridge.setup.verify import envelope, reading
from intacct_bridge.setup.verify.probe import PROBES, Probe, ProbeAnswer, ProbedCompany, UnansweredError, error_number
from intacct_protocol.errors import IntacctError, SignInError, TransientError

_FAMILIES = (envelope, reading)
"""Their import declares the probes."""


class Agreement(StrEnum):
    """How an answer compares with the emulator's and with what Intacct Bridge expects."""

    SAME = "same"
    DIFFERENT = "different"
    """The emulator does something else. Intacct Bridge works with both."""
    UNEXPECTED = "unexpected"
    """Intacct Bridge does not work as documented."""
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """The outcome of one probe."""

    probe: Probe
    answer: ProbeAnswer | None = None
    reason: str = ""
    """Why there is no answer. It can quote the gateway, so it is no part of a report."""
    number: str = ""
    """The error number for which there is no answer, if an error was the reason."""

    @property
    def agreement(self) -> Agreement:
        """How the answer compares."""
        if self.answer is None:
            return Agreement.UNANSWERED
        if self.answer.answer not in self.probe.works_with:
            return Agreement.UNEXPECTED
        return Agreement.SAME if self.answer == self.probe.emulator else Agreement.DIFFERENT

    @property
    def consequence(self) -> str:
        """What Intacct Bridge does, since the company answers so."""
        return self.probe.answers[self.answer.answer] if self.answer is not None else ""


def verify(client: Client, user_id: str) -> Iterator[ProbeFinding]:
    """Ask every probe, and keep what extraction and loading use.

    Raises the errors that the next probe would meet too: a refused sign-in, and a gateway that does not answer.
    """
    before = client.calibration
    times = TimeCheck(client, lambda: client.company_time, {"user_id": user_id}, user_id, learned=before)
    company = ProbedCompany(client, times)
    try:
        for probe in PROBES.values():
            yield _finding(probe, company)
    finally:
        if times.learned is not before:  # a measurement from before keeps its time
            times.keep()


def _finding(probe: Probe, company: ProbedCompany) -> ProbeFinding:
    try:
        return ProbeFinding(probe, probe.answer(company))
    except UnansweredError as unanswered:
        return ProbeFinding(probe, reason=str(unanswered))
    except (SignInError, TransientError):
        raise
    except IntacctError as error:
        return ProbeFinding(probe, reason=error.message, number=error_number(error))
