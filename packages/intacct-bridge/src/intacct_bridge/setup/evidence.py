"""What the doctor's findings say about each step of a set-up: done, missing, or not known yet.

A step is done only if a check proves it. Intacct gives some causes the same answer; then the steps concerned stay
unknown. There is one inference, which is marked as such: Intacct reported a step as missing, and after that reports a
step of the same sign-in instead.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from intacct_bridge.setup.examination import Job
from intacct_bridge.setup.findings import DoctorFinding, Status, titles
from intacct_bridge.setup.progress import DONE, MISSING, UNKNOWN, Observation
from intacct_bridge.setup.sign_in import SIGN_IN_STEPS
from intacct_protocol.model.wording import listed

State = tuple[str, str]
"""The state of a step, and what was seen."""
_INFERABLE = ("sender", "authorised", "subscription")
"""The steps that have an answer of their own at the sign-in."""
_NOTHING: State = (UNKNOWN, "")
_LEGACY = "Over document type 2.1 no check reads the objects. Read one, and tick this step by hand."
_REFUSED = "Intacct refuses the sign-in and does not say whether the company ID, the user ID or the password is wrong."


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The findings of one check by the doctor's steps."""

    by_step: Mapping[str, tuple[DoctorFinding, ...]]
    job: Job

    def of(self, step: str) -> DoctorFinding | None:
        findings = self.by_step.get(step, ())
        return next((one for one in findings if one.needs_action), findings[0] if findings else None)

    def passed(self, step: str) -> bool:
        finding = self.of(step)
        return finding is not None and finding.status is Status.OK

    def simple(self, step: str) -> State:
        """The state of a step that is one step of the doctor."""
        finding = self.of(step)
        if finding is None or finding.status is Status.SKIPPED:
            return _NOTHING
        return (MISSING if finding.needs_action else DONE), finding.observed

    @property
    def refused(self) -> tuple[str, ...]:
        """The planned objects that cannot be read."""
        findings = [*self.by_step.get("reading", ()), *self.by_step.get("modules", ())]
        return tuple(name for one in findings if one.needs_action for name in one.objects)


def observations(
    findings: Sequence[DoctorFinding],
    job: Job,
    about: Mapping[str, str],
    before: Mapping[str, Observation],
    at: str,
    *,
    only_sender: bool = False,
) -> dict[str, Observation]:
    """What a check says about each step, from its findings and from what earlier checks saw.

    `about` has the settings that each step depends on. With `only_sender` the check signed in as a user that does not
    exist, so that it says nothing about the user.
    """
    by_step: dict[str, tuple[DoctorFinding, ...]] = {}
    for finding in findings:
        by_step[finding.step] = (*by_step.get(finding.step, ()), finding)
    evidence = _Evidence(by_step, job)
    failed = next(
        (finding.step for finding in findings if finding.status is Status.FAILURE and finding.step in SIGN_IN_STEPS), ""
    )
    earlier = {step: finding for step, finding in before.items() if finding.about == about.get(step)}
    observed: dict[str, Observation] = {}
    for step, state_of in _STATES.items():
        state, text = state_of(evidence) if not (only_sender and step not in _INFERABLE) else _NOTHING
        observed[step] = Observation(state, text, at, about.get(step, ""))
        if state == UNKNOWN:
            observed[step] = _carried(step, observed[step], earlier.get(step), failed)
    again = [
        finding
        for finding in _INFERABLE
        if observed[finding].state == MISSING and finding in earlier and earlier[finding].state == DONE
    ]
    if again:
        return {step: _proven(finding) for step, finding in observed.items()}
    return observed


def _carried(step: str, now: Observation, before: Observation | None, failed: str) -> Observation:
    """What an earlier check saw of a step, if this one says nothing."""
    if before is None:
        return now
    if before.state == DONE and failed != step:
        return before
    if (
        before.state == MISSING
        and step in _INFERABLE
        and failed in SIGN_IN_STEPS
        and failed not in ("", step, "network")
    ):
        text = f"Intacct reported it as missing before, and reports {titles().get(failed, failed)} now."
        return Observation(DONE, text, now.at, now.about, inferred=True)
    return before if before.state == MISSING and failed in ("", "network") else now


def _proven(observation: Observation) -> Observation:
    """An observation without inference: a done step is missing again, so the order of answers proves nothing."""
    return Observation(UNKNOWN, "", observation.at, observation.about) if observation.inferred else observation


# --- one step after another


def _subscription(evidence: _Evidence) -> State:
    modules = evidence.of("modules")
    if evidence.passed("subscription") and modules is not None and modules.needs_action:
        return MISSING, modules.observed
    return evidence.simple("subscription")


def _user(evidence: _Evidence) -> State:
    if not evidence.passed("user"):
        finding = evidence.of("user")
        return (UNKNOWN, _REFUSED) if finding is not None and finding.needs_action else _NOTHING
    for step in ("standing", "privileges"):
        finding = evidence.of(step)
        if finding is not None and finding.needs_action:
            return MISSING, finding.observed
    texts = [finding.observed for step in ("standing", "privileges") if (finding := evidence.of(step)) is not None]
    return DONE, "; ".join(["signed in", *texts])


def _role(evidence: _Evidence) -> State:
    if not evidence.passed("user") or evidence.of("reading") is None:
        return _not_read(evidence)
    if _reads_nothing(evidence):
        return UNKNOWN, _nothing_read(evidence)
    wanting = [one for name in ("reading", "writing", "audit", "dimensions") for one in evidence.by_step.get(name, ())]
    missing = [one for one in wanting if one.needs_action]
    if missing:
        return MISSING, "; ".join(f"{one.title}: {one.observed}" for one in missing)
    writing = evidence.of("writing")
    if evidence.job.writes and writing is not None and writing.objects:
        names = listed(writing.objects)
        return UNKNOWN, f"Everything else is in place. Creating {names} cannot be tested without a record."
    if evidence.job.writes and not evidence.passed("writing"):
        return UNKNOWN, writing.observed if writing is not None else ""
    reads, writes = listed(evidence.job.streams), listed(evidence.job.writes)
    return DONE, f"{reads} can be read" + (f", and {writes} can be written" if writes else "")


def _assign(evidence: _Evidence) -> State:
    if not evidence.passed("user") or evidence.of("reading") is None:
        return _not_read(evidence)
    if _reads_nothing(evidence):
        return UNKNOWN, _nothing_read(evidence)
    readable = [name for name in evidence.job.examined_streams if name not in evidence.refused]
    return DONE, f"{listed(readable)} can be read, so a role is assigned"


def _not_read(evidence: _Evidence) -> State:
    """A check that read no object: it stopped before, or the connection has document type 2.1, which has no queries."""
    return (UNKNOWN, _LEGACY) if evidence.of("environment") is not None else _NOTHING


def _reads_nothing(evidence: _Evidence) -> bool:
    return set(evidence.refused) >= set(evidence.job.examined_streams)


def _nothing_read(evidence: _Evidence) -> str:
    reading = evidence.of("reading")
    answer = f" Intacct says: {reading.observed}" if reading is not None and reading.needs_action else ""
    return f"No object can be read: the role lacks permissions, or is not assigned.{answer}"


def _company(evidence: _Evidence) -> State:
    for step in ("environment", "entity"):
        finding = evidence.of(step)
        if finding is not None and finding.needs_action:
            return MISSING, finding.observed
    state, text = evidence.simple("company")
    entity = evidence.of("entity")
    shown = f"; entity: {entity.observed}" if state == DONE and entity is not None else ""
    return state, text + shown


def _connect(evidence: _Evidence) -> State:
    stopped = next(
        (one for name in ("network", *SIGN_IN_STEPS) for one in evidence.by_step.get(name, ()) if one.needs_action),
        None,
    )
    if stopped is not None and stopped.status is Status.FAILURE:
        return MISSING, f"{stopped.title}: {stopped.observed}"
    if not evidence.passed("session") or evidence.of("reading") is None:
        return _not_read(evidence)
    if evidence.refused:
        return MISSING, f"cannot read {listed(evidence.refused)}"
    return DONE, f"signed in, and read {listed(evidence.job.examined_streams)}"


_STATES: Mapping[str, Callable[[_Evidence], State]] = {
    "subscription": _subscription,
    "sender": lambda evidence: evidence.simple("sender"),
    "authorised": lambda evidence: evidence.simple("authorised"),
    "role": _role,
    "user": _user,
    "assign": _assign,
    "preferences": lambda evidence: evidence.simple("formatting"),
    "company": _company,
    "connect": _connect,
}
