"""Verification: what a company's gateway does where no documentation says it, and a report that names no record."""

from collections.abc import Callable
from dataclasses import dataclass

from intacct_bridge import __version__
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_bridge.setup.verify.probe import PROBES, Probe, ProbeAnswer
from intacct_bridge.setup.verify.verification import Agreement, ProbeFinding, verify
from intacct_protocol.errors import SettingsError

__all__ = [
    "PROBES",
    "Agreement",
    "Probe",
    "ProbeAnswer",
    "ProbeFinding",
    "VerificationResult",
    "report",
    "verify_company",
]

_FORMAT = 1
OnFinding = Callable[[ProbeFinding], None]


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The result of a verification."""

    target: str
    """The company and environment."""
    findings: tuple[ProbeFinding, ...]
    transactions: int
    """API transactions used."""

    def number_of(self, agreement: Agreement) -> int:
        """How many probes ended so."""
        return sum(finding.agreement is agreement for finding in self.findings)


def verify_company(run: RecordedRun, *, on_finding: OnFinding = lambda _: None) -> VerificationResult:
    """Ask every probe. They only read. What extraction and loading use is kept on this machine.

    `on_finding` gets each finding as it is made. Raises SettingsError for document type 2.1, and the errors of a client
    if Intacct refuses the sign-in or does not answer.
    """
    connection = run.connection
    if connection.is_legacy:
        raise SettingsError(
            "The probes need functions of document type 3.0.", fix="Use a connection with the dtd_version 3.0."
        )
    run.messages.say(f"Asking {connection.target} as {connection.user_id}. The probes only read.")
    client = run.client
    findings = []
    for finding in verify(client, client.sign_in().user_id or connection.user_id):
        findings.append(finding)
        on_finding(finding)
    return VerificationResult(connection.target, tuple(findings), client.meter.transactions)


def report(result: VerificationResult) -> dict[str, object]:
    """The report to send in, as JSON values. It names no company, user, record or amount, and quotes no message."""
    return {
        "format": _FORMAT,
        "version": __version__,
        "probes": [
            {
                "name": finding.probe.name,
                "agreement": finding.agreement.value,
                "answer": finding.answer.answer if finding.answer is not None else None,
                "number": (finding.answer.number if finding.answer is not None else finding.number) or None,
            }
            for finding in result.findings
        ],
    }
