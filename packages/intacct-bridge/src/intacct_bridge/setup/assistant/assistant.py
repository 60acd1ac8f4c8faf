"""The set-up assistant for one connection: the planned use, the checklist, and the checks that tick its steps.

The command `intacct setup` and the console's page use it in the same way.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import msgspec

from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.sources import ListedConnection, list_connections
from intacct_bridge.setup.assistant.check import (
    CheckedConnection,
    Opener,
    SetUpCheck,
    found_connection,
    settings_by_step,
)
from intacct_bridge.setup.assistant.checklist import SetUpChecklist, checklist, known_step
from intacct_bridge.setup.assistant.progress import (
    DONE,
    UNKNOWN,
    SetUpProgress,
    SetUpStore,
    object_names,
    unusual_names,
)
from intacct_bridge.setup.assistant.values import job_of, values_of
from intacct_bridge.setup.doctor.findings import DoctorFinding

NEW = "new"
"""The name under which the assistant keeps its state before there is a connection."""


@dataclass(slots=True)
class SetUpAssistant:
    """The assistant for the connection of that name."""

    name: str
    load: Callable[[], Connection]
    """Loads the connection; SettingsError if it is incomplete."""
    open_client: Opener
    store: SetUpStore = field(default_factory=SetUpStore)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _found: CheckedConnection | None = None

    @property
    def progress(self) -> SetUpProgress:
        """The kept state."""
        return self.store.of(self.name)

    @property
    def found(self) -> CheckedConnection:
        """The connection as far as it can be checked."""
        if self._found is None:
            self._found = found_connection(self.load, self.name, self.progress.answers)
        return self._found

    def plan(self, reads: Iterable[str], writes: Iterable[str]) -> SetUpProgress:
        """Keep the planned use. SettingsError for a text that is not a name of an object."""
        return self.store.change(self.name, reads=object_names(reads), writes=object_names(writes))

    def answer(self, **answers: str) -> SetUpProgress:
        """Keep values that a person gave; one that is not among them stays."""
        kept = msgspec.structs.replace(self.progress.answers, **answers)
        return self.store.change(self.name, answers=kept)

    def tick(self, step: str, *, on: bool = True) -> SetUpProgress:
        """Tick a step by hand, or remove that tick."""
        ticks = {name: at for name, at in self.progress.by_hand.items() if name != known_step(step)}
        if on:
            ticks[known_step(step)] = f"{self.now():%Y-%m-%dT%H:%M:%SZ}"
        return self.store.change(self.name, by_hand=ticks)

    def check(self) -> Iterator[DoctorFinding]:
        """Check the set-up; the findings come as they are made, and their end is kept."""
        self._found = None
        check = SetUpCheck(self.name, self.found, self.store, self.open_client, list_connections(), self.now)
        return check.findings()

    def checklist(self) -> SetUpChecklist:
        """The checklist as the last check left it."""
        progress, found = self.progress, self.found
        connections = list_connections()
        own = next((one for one in connections if one.name == self.name), None)
        connection = None if found.only_sender else found.connection
        values = values_of(self.name, progress, connection, own)
        if found.only_sender and found.connection is not None:
            known = {name: str(getattr(found.connection, name)) for name in ("company_id", "sender_id")}
            answers = msgspec.structs.replace(progress.answers, **known)
            values = values_of(self.name, msgspec.structs.replace(progress, answers=answers), None, own)
        job = job_of(progress)
        about = (
            settings_by_step(found.connection, job, only_sender=found.only_sender)
            if found.connection is not None
            else {}
        )
        production = DONE if any(self._is_complete(one) for one in connections) else ""
        made = checklist(values, progress, about, production=production, connections=connections)
        warnings = tuple(str(one) for one in unusual_names((*job.streams, *job.writes)))
        partly = f"Only steps 1 to 3 can be checked until the connection {self.name} has a user and a password."
        none = f"No check is possible yet: {found.problem}" if found.problem else ""
        early = f"The last check ended early. {progress.problem}" if progress.problem else ""
        return replace(made, warnings=warnings, problem=none or early or (partly if found.only_sender else ""))

    def _is_complete(self, listed: ListedConnection) -> bool:
        """Whether the assistant saw every step of another connection to production done."""
        if listed.environment != "production" or listed.name == self.name:
            return False
        progress = self.store.of(listed.name)
        steps = progress.observed.items()
        return bool(steps) and all(
            one.state == DONE or (one.state == UNKNOWN and step in progress.by_hand) for step, one in steps
        )
