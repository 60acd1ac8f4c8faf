"""The checklist of a set-up: every step with its form, its values, its reason, and its state.

The wording is in `data/setup.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import msgspec

from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.sources import ListedConnection, ListedSender, list_senders
from intacct_bridge.setup.examination import Job
from intacct_bridge.setup.findings import tag_of
from intacct_bridge.setup.progress import DONE, MISSING, UNKNOWN, Observation, SetUpAnswers, SetUpProgress
from intacct_bridge.setup.role import RoleGrant, applications_for, created_otherwise, grants_for
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.wording import listed

_NOT_YET = "(not known yet)"


@dataclass(frozen=True, slots=True)
class SetUpValues:
    """The values to enter in Intacct's forms; empty if one is not known yet."""

    name: str
    """Of the connection."""
    job: Job
    company_id: str = ""
    sender_id: str = ""
    user_id: str = ""
    location_id: str = ""
    environment: str = "implementation"
    email: str = ""
    role: str = ""

    @property
    def texts(self) -> dict[str, str]:
        """The values of the placeholders of a form."""
        entity = self.location_id
        return {
            "name": self.name,
            "company_id": self.company_id or _NOT_YET,
            "sender_id": self.sender_id or "(from Sage)",
            "user_id": self.user_id or "ws_bridge",
            "email": self.email or "(of the person who enters the password)",
            "role": self.role or "Intacct Bridge",
            "entity": entity or "(leave empty)",
            "entity_id": entity or "(only to work in one entity)",
            "entities": entity or "(leave empty: all)",
            "environment": self.environment,
            "description": f"Intacct Bridge: {self.name}",
            "company_first": "Bridge",
            "tester_role": "view only" if self.environment == "production" else "one that can make test records",
        }

    @property
    def purpose(self) -> str:
        """The planned use, such as `reads GLDETAIL and writes GLBATCH`."""
        from intacct_protocol.model.wording import listed

        job = self.job
        parts = [f"{verb} {listed(names)}" for verb, names in (("reads", job.streams), ("writes", job.writes)) if names]
        return " and ".join(parts)


def job_of(progress: SetUpProgress) -> Job:
    """The job of a planned use. What is written is also read, since a load looks up what is there."""
    return Job(progress.reads or progress.writes, progress.writes)


def shared_sender(answers: SetUpAnswers) -> ListedSender:
    """The shared sender that a person chose, or the only one; an empty one if there is neither."""
    senders = list_senders()
    chosen = next((one for one in senders if one.name == answers.sender), None)
    only = senders[0] if len(senders) == 1 and not answers.sender and not answers.sender_id else None
    return chosen or only or ListedSender("", "", "")


def values_of(
    name: str, progress: SetUpProgress, connection: Connection | None, listed: ListedConnection | None = None
) -> SetUpValues:
    """The values of a set-up. A connection that cannot be used yet can still be listed in a file."""
    shared = shared_sender(progress.answers).sender_id
    values: dict[str, str] = {"sender_id": shared} if shared else {}
    for setting in ("company_id", "sender_id", "user_id", "location_id", "environment"):
        value = getattr(connection, setting, "") or getattr(listed, setting, "") or getattr(progress.answers, setting)
        if value:
            values[setting] = str(value)
    return SetUpValues(name, job_of(progress), email=progress.answers.email, role=progress.answers.role, **values)


_HAND = "ticked by hand"
_LATER = ("testers", "production")
"""The steps without which the connection works too."""


class FormField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One field of a form of Intacct, with the value to enter."""

    label: str
    kind: str
    """`text`, `choice`, `switch`, `secret`, or `fixed` for one that only shows its value."""
    value: str


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of the data file."""

    id: str
    title: str
    who: str
    menu: str
    why: str
    source: str
    form: str
    fields: tuple[FormField, ...]
    notes: tuple[str, ...]
    own_notes: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    steps: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class SetUpStep:
    """One step as the assistant shows it."""

    number: int
    id: str
    title: str
    who: str
    """`company administrator`, `Sage`, or `you`: the person who sets up the program."""
    menu: str
    """The menu path in Intacct; empty for a step outside of it."""
    why: str
    source: str
    form: str
    """The title of the form; empty for a step without one."""
    fields: tuple[FormField, ...]
    grants: tuple[RoleGrant, ...]
    """The permissions of the role, for the step that creates it."""
    notes: tuple[str, ...]
    own_notes: tuple[str, ...]
    """What the administrator need not know."""
    state: str
    observed: str
    at: str
    """The time of the check that saw the state; empty if none did."""
    inferred: bool = False
    by_hand: bool = False

    @property
    def tag(self) -> str:
        """How sure the facts of this step are: confirmed or observed."""
        return tag_of(self.source)

    @property
    def for_administrator(self) -> bool:
        """Whether the company's administrator does it."""
        return self.who == "company administrator"


@dataclass(frozen=True, slots=True)
class SetUpChecklist:
    """All steps for one planned use."""

    values: SetUpValues
    steps: tuple[SetUpStep, ...]
    checked: str = ""
    """The time of the last check; empty before the first one."""
    transactions: int = 0
    problem: str = ""
    warnings: tuple[str, ...] = field(default=())

    @property
    def left(self) -> tuple[SetUpStep, ...]:
        """The steps that are not done."""
        return tuple(one for one in self.steps if one.state != DONE)

    @property
    def is_ready(self) -> bool:
        """Whether every step is done that the connection itself needs."""
        return all(one.id in _LATER for one in self.left)

    @property
    def summary(self) -> str:
        """One sentence on the number of steps."""
        missing = sum(one.state == MISSING for one in self.steps)
        unknown = len(self.left) - missing
        parts = [f"{len(self.steps) - len(self.left)} of {len(self.steps)} steps done"]
        parts += [f"{missing} missing"] if missing else []
        parts += [f"{unknown} not yet known"] if unknown else []
        return ", ".join(parts)


@cache
def _entries() -> tuple[_Entry, ...]:
    raw = files("intacct_bridge.data").joinpath("setup.json").read_bytes()
    return msgspec.json.decode(raw, type=_File).steps


@cache
def step_ids() -> tuple[str, ...]:
    """The steps in order."""
    return tuple(one.id for one in _entries())


def known_step(name: str) -> str:
    """The step of that name or number. Raises SettingsError for another text."""
    ids = step_ids()
    if name.isdecimal() and 1 <= int(name) <= len(ids):
        return ids[int(name) - 1]
    if name.lower() not in ids:
        raise SettingsError(
            f"There is no step {name}{did_you_mean(name, ids)}", fix=f"Use a number, or one of {', '.join(ids)}."
        )
    return name.lower()


def checklist(
    values: SetUpValues,
    progress: SetUpProgress,
    about: Mapping[str, str],
    *,
    production: str = "",
    connections: Sequence[ListedConnection] = (),
) -> SetUpChecklist:
    """The checklist with what the last checks saw.

    `about` has the settings of the connection by step, so that an observation about other settings does not count.
    `production` is the state of the connection to production, if another one of the `connections` is.
    """
    steps: list[SetUpStep] = []
    for number, entry in enumerate(_entries(), 1):
        observation = _observation(entry.id, progress, about)
        if entry.id == "production":
            state, text = _production(values, steps, production, connections)
            observation = Observation(state, text, progress.checked if state == DONE else "")
        hand = progress.by_hand.get(entry.id, "") if observation.state == UNKNOWN else ""
        if hand:
            observation = Observation(DONE, "; ".join(part for part in (_HAND, observation.text) if part), hand)
        steps.append(_step(number, entry, values, observation, by_hand=bool(hand)))
    return SetUpChecklist(values, tuple(steps), progress.checked, progress.transactions, progress.problem)


def _step(number: int, entry: _Entry, values: SetUpValues, observation: Observation, *, by_hand: bool) -> SetUpStep:
    texts = values.texts
    fields, notes = _with_applications(entry, values)
    return SetUpStep(
        number,
        entry.id,
        entry.title,
        entry.who,
        entry.menu.format_map(texts),
        entry.why,
        entry.source,
        entry.form.format_map(texts),
        tuple(FormField(one.label, one.kind, one.value.format_map(texts)) for one in fields),
        grants_for(values.job) if entry.id == "role" else (),
        notes,
        entry.own_notes,
        observation.state,
        observation.text,
        observation.at,
        observation.inferred,
        by_hand,
    )


def _observation(step: str, progress: SetUpProgress, about: Mapping[str, str]) -> Observation:
    """What the last check saw of a step; nothing, if it was about other settings."""
    observation = progress.observed.get(step)
    if observation is None or observation.about != about.get(step):
        return Observation(UNKNOWN, "", "")
    return observation


def _production(
    values: SetUpValues, steps: Sequence[SetUpStep], production: str, connections: Sequence[ListedConnection]
) -> tuple[str, str]:
    if values.environment == "production":
        ready = all(one.state == DONE for one in steps)
        return (DONE, f"{values.name} is the connection to production") if ready else (UNKNOWN, "")
    names = [one.name for one in connections if one.environment == "production"]
    if not names:
        return MISSING, "There is no connection with the environment production yet."
    if production == DONE:
        return DONE, f"{listed(names)}: every step is done"
    return UNKNOWN, f"{listed(names)}: open the assistant for it"


def _with_applications(entry: _Entry, values: SetUpValues) -> tuple[tuple[FormField, ...], tuple[str, ...]]:
    """The fields and the notes of a step, with those that depend on the planned use."""
    if entry.id == "subscription":
        more = tuple(FormField(one, "switch", "on") for one in applications_for(values.job))
        return (*entry.fields, *more), entry.notes
    if entry.id == "role":
        others = [f"{name} by {function}" for name, function in created_otherwise(values.job)]
        note = f"Some records are created by functions that need permissions of the application: {listed(others)}."
        return entry.fields, (*entry.notes, note) if others else entry.notes
    return entry.fields, entry.notes
