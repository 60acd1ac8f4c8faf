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
class _Seen:
    """The findings of one check by the doctor's steps."""

    by_step: Mapping[str, tuple[DoctorFinding, ...]]
    job: Job

    def of(self, step: str) -> DoctorFinding | None:
        found = self.by_step.get(step, ())
        return next((one for one in found if one.needs_action), found[0] if found else None)

    def passed(self, step: str) -> bool:
        one = self.of(step)
        return one is not None and one.status is Status.OK

    def simple(self, step: str) -> State:
        """The state of a step that is one step of the doctor."""
        one = self.of(step)
        if one is None or one.status is Status.SKIPPED:
            return _NOTHING
        return (MISSING if one.needs_action else DONE), one.seen

    @property
    def refused(self) -> tuple[str, ...]:
        """The planned objects that cannot be read."""
        found = [*self.by_step.get("reading", ()), *self.by_step.get("modules", ())]
        return tuple(name for one in found if one.needs_action for name in one.objects)


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
    for one in findings:
        by_step[one.step] = (*by_step.get(one.step, ()), one)
    seen = _Seen(by_step, job)
    failed = next((one.step for one in findings if one.status is Status.FAILURE and one.step in SIGN_IN_STEPS), "")
    earlier = {step: one for step, one in before.items() if one.about == about.get(step)}
    found: dict[str, Observation] = {}
    for step, state_of in _STATES.items():
        state, text = state_of(seen) if not (only_sender and step not in _INFERABLE) else _NOTHING
        found[step] = Observation(state, text, at, about.get(step, ""))
        if state == UNKNOWN:
            found[step] = _carried(step, found[step], earlier.get(step), failed)
    again = [one for one in _INFERABLE if found[one].state == MISSING and one in earlier and earlier[one].state == DONE]
    if again:
        return {step: _proven(one) for step, one in found.items()}
    return found


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


def _proven(one: Observation) -> Observation:
    """An observation without inference: a done step is missing again, so the order of answers proves nothing."""
    return Observation(UNKNOWN, "", one.at, one.about) if one.inferred else one


# --- one step after another


def _subscription(seen: _Seen) -> State:
    modules = seen.of("modules")
    if seen.passed("subscription") and modules is not None and modules.needs_action:
        return MISSING, modules.seen
    return seen.simple("subscription")


def _user(seen: _Seen) -> State:
    if not seen.passed("user"):
        one = seen.of("user")
        return (UNKNOWN, _REFUSED) if one is not None and one.needs_action else _NOTHING
    for step in ("standing", "privileges"):
        one = seen.of(step)
        if one is not None and one.needs_action:
            return MISSING, one.seen
    known = [one.seen for step in ("standing", "privileges") if (one := seen.of(step)) is not None]
    return DONE, "; ".join(["signed in", *known])


def _role(seen: _Seen) -> State:
    if not seen.passed("user") or seen.of("reading") is None:
        return _not_read(seen)
    if _reads_nothing(seen):
        return UNKNOWN, _nothing_read(seen)
    wanting = [one for name in ("reading", "writing", "audit", "dimensions") for one in seen.by_step.get(name, ())]
    missing = [one for one in wanting if one.needs_action]
    if missing:
        return MISSING, "; ".join(f"{one.title}: {one.seen}" for one in missing)
    writing = seen.of("writing")
    if seen.job.writes and writing is not None and writing.objects:
        names = listed(writing.objects)
        return UNKNOWN, f"Everything else is in place. Creating {names} cannot be tested without a record."
    if seen.job.writes and not seen.passed("writing"):
        return UNKNOWN, writing.seen if writing is not None else ""
    reads, writes = listed(seen.job.streams), listed(seen.job.writes)
    return DONE, f"{reads} can be read" + (f", and {writes} can be written" if writes else "")


def _assign(seen: _Seen) -> State:
    if not seen.passed("user") or seen.of("reading") is None:
        return _not_read(seen)
    if _reads_nothing(seen):
        return UNKNOWN, _nothing_read(seen)
    readable = [name for name in seen.job.examined_streams if name not in seen.refused]
    return DONE, f"{listed(readable)} can be read, so a role is assigned"


def _not_read(seen: _Seen) -> State:
    """A check that read no object: it stopped before, or the connection has document type 2.1, which has no queries."""
    return (UNKNOWN, _LEGACY) if seen.of("environment") is not None else _NOTHING


def _reads_nothing(seen: _Seen) -> bool:
    return set(seen.refused) >= set(seen.job.examined_streams)


def _nothing_read(seen: _Seen) -> str:
    one = seen.of("reading")
    said = f" Intacct says: {one.seen}" if one is not None and one.needs_action else ""
    return f"No object can be read: the role lacks permissions, or is not assigned.{said}"


def _company(seen: _Seen) -> State:
    for step in ("environment", "entity"):
        one = seen.of(step)
        if one is not None and one.needs_action:
            return MISSING, one.seen
    state, text = seen.simple("company")
    entity = seen.of("entity")
    shown = f"; entity: {entity.seen}" if state == DONE and entity is not None else ""
    return state, text + shown


def _connect(seen: _Seen) -> State:
    stopped = next(
        (one for name in ("network", *SIGN_IN_STEPS) for one in seen.by_step.get(name, ()) if one.needs_action), None
    )
    if stopped is not None and stopped.status is Status.FAILURE:
        return MISSING, f"{stopped.title}: {stopped.seen}"
    if not seen.passed("session") or seen.of("reading") is None:
        return _not_read(seen)
    if seen.refused:
        return MISSING, f"cannot read {listed(seen.refused)}"
    return DONE, f"signed in, and read {listed(seen.job.examined_streams)}"


_STATES: Mapping[str, Callable[[_Seen], State]] = {
    "subscription": _subscription,
    "sender": lambda seen: seen.simple("sender"),
    "authorised": lambda seen: seen.simple("authorised"),
    "role": _role,
    "user": _user,
    "assign": _assign,
    "preferences": lambda seen: seen.simple("formatting"),
    "company": _company,
    "connect": _connect,
}
