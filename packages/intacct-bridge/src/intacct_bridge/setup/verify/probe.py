"""A probe: one question about the gateway, the answers that it can have, and the requests that find the answer out.

A probe is a function with the decorator `probe`, in the module of its family. It gets the company to ask, and returns
one of the declared answers, perhaps with the gateway's error number. Nothing else reaches a report, so that a report
names no record, id or amount. A probe that the company's records cannot answer raises `UnansweredError`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from intacct_bridge.client.client import Client
from intacct_bridge.setup.calibration import TimeCheck
from intacct_protocol.errors import IntacctError

_NUMBER = re.compile(r"[A-Za-z_]{1,16}-?[0-9]{1,12}|[A-Za-z]{1,20}( [A-Za-z]{1,20}){0,4} Failed")
"""An error number: usually a code, sometimes a few words such as `readMore Failed`."""


class UnansweredError(Exception):
    """The company has no records, or the connection no setting, with which the question could be answered."""


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What a gateway does: one of the answers that the probe declares, and the number of its error."""

    answer: str
    number: str = ""
    """The error number of a refusal; empty if it has none. The error's text stays out: it can name records."""

    def __str__(self) -> str:
        return f"{self.answer} ({self.number})" if self.number else self.answer


@dataclass(frozen=True, slots=True)
class Probe:
    """A declared probe."""

    name: str
    question: str
    request: str
    """What is sent, for people: the docstring of the function."""
    answers: Mapping[str, str]
    """Each possible answer, with what Intacct Bridge does if the company gives it."""
    emulator: ProbeAnswer
    """What the emulator does without any setting."""
    works_with: frozenset[str]
    """The answers with which Intacct Bridge works as documented."""
    ask: Callable[["ProbedCompany"], "ProbeAnswer | str"] = field(repr=False)

    def answer(self, company: "ProbedCompany") -> ProbeAnswer:
        """The company's answer. Raises UnansweredError, and the errors of a client."""
        answered = self.ask(company)
        answer = answered if isinstance(answered, ProbeAnswer) else ProbeAnswer(answered)
        if answer.answer not in self.answers:
            raise AssertionError(f"the probe {self.name} declares no answer {answer.answer!r}")
        return answer


@dataclass(slots=True)
class ProbedCompany:
    """The company that probes ask."""

    client: Client
    times: TimeCheck
    """Measures what extraction and loading use, and keeps it after the last probe."""


PROBES: dict[str, Probe] = {}
"""Every declared probe by its name, in the order of the modules."""


def probe(
    question: str, answers: Mapping[str, str], *, emulator: str, number: str = "", except_for: str = ""
) -> Callable[[Callable[[ProbedCompany], ProbeAnswer | str]], Probe]:
    """Declare a probe, named like its function.

    `emulator` and `number` are the emulator's own answer. Intacct Bridge works with every answer but `except_for`.
    """

    def declare(ask: Callable[[ProbedCompany], ProbeAnswer | str]) -> Probe:
        name = ask.__name__
        works_with = frozenset(answers) - {except_for}
        request = (ask.__doc__ or "").strip()
        PROBES[name] = Probe(name, question, request, answers, ProbeAnswer(emulator, number), works_with, ask)
        return PROBES[name]

    return declare


def refusal(error: IntacctError, answer: str = "refused") -> ProbeAnswer:
    """The answer that something is refused, with the number of the error."""
    return ProbeAnswer(answer, error_number(error))


def error_number(error: IntacctError) -> str:
    """The error's number, unless it has the form of a sentence, which could name a record."""
    number = next((fault.errorno for fault in error.faults if fault.errorno), "")
    return number if not number or _NUMBER.fullmatch(number) else "a sentence"
