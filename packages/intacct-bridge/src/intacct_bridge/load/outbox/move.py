"""Moving an outbox, and the event log beside it, to another file or database."""

import uuid
from dataclasses import dataclass
from pathlib import Path

from intacct_bridge.changes.event_log import TABLES as EVENTS
from intacct_bridge.changes.event_log import EventLog, event_log_place, locks_of_watches
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.outbox.storage import tables
from intacct_bridge.shared_state.database import StateDatabase
from intacct_bridge.shared_state.move import Part, PlannedMove, Step, lock_files_in_use, move_parts, moved_place
from intacct_bridge.shared_state.place import Place
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted


@dataclass(frozen=True, slots=True)
class MovedOutbox:
    """What a move took along."""

    entries: int
    """All entries at the new place."""
    events: bool
    """Whether there was an event log with a watch."""
    name: str
    """The new place as messages name it."""


def move_outbox(source: Place, target: Place, *, step: Step = lambda _: None) -> MovedOutbox:
    """Move an outbox with its event log, or finish a move that was interrupted.

    SettingsError if loaders or watches are at work, if requests are on their way, or if the target is in use.
    The source keeps its content, and refuses to be used from then on.
    """
    source, target = (place.absolute() if isinstance(place, Path) else place for place in (source, target))
    name = f"move-{uuid.uuid4().hex}"
    if isinstance(source, Path) and not source.exists():
        raise SettingsError(f"there is no outbox {source}", fix="name the outbox to move")
    if not moved_place(source, tables(), name):
        with Outbox(source) as outbox:
            outbox.recover()
    moves = [PlannedMove(Part(tables(), "SELECT id FROM outbox_id", ("event",), _on_their_way), source, target, step)]
    log, new_log = event_log_place(source), event_log_place(target)
    has_log = not isinstance(log, Path) or log.exists()
    if has_log:
        events = Part(
            EVENTS,
            "SELECT name, company FROM watch",
            refusal=lambda _: lock_files_in_use(locks_of_watches(log)) if isinstance(log, Path) else "",
        )
        moves.append(PlannedMove(events, log, new_log, lambda one: step(f"events {one}")))
    move_parts(moves, name=name)
    if has_log:
        with EventLog(new_log) as moved_log:
            has_log = bool(moved_log.statuses())
    with Outbox(target) as outbox:
        return MovedOutbox(sum(1 for _ in outbox.entries()), has_log, outbox.name)


def _on_their_way(db: StateDatabase) -> str:
    sent = int(db.read("SELECT count(*) FROM entry WHERE status = 'sent'")[0][0])
    return f"the outcome of {counted(sent, 'request')} is not known yet" if sent else ""
