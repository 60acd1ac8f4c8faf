"""Another company as a receiver: each event is planned and posted as a load of one record, through the outbox.

A created or changed record is upserted, a deleted one is deleted. A repeated delivery changes nothing: the plan finds
the record as it should be, and the outbox knows what it has sent.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from intacct_bridge.changes.delivery import DeliveryError
from intacct_bridge.changes.event import ChangeEvent, ChangeKind, encode
from intacct_bridge.connections.sources import load_connection
from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.sender import refuse_without_plan
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.outbox.outbox import open_outbox
from intacct_bridge.load.plan.plan import Mode, Plan, PlanSettings, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_protocol.errors import SettingsError


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How events become records of the other company."""

    as_name: str = ""
    """The object, layout or unified entity; empty: the event's object."""
    map_file: Path | None = None
    key: tuple[str, ...] = ()
    """The fields by which a record is found there."""


class LoadReceiver:
    """Posts events to the company of a connection, one after another."""

    def __init__(self, run: RecordedRun, name: str, options: LoadOptions, *, yes: bool) -> None:
        """SettingsError if the connection takes approved plans only, and for a production company without `yes`."""
        connection = load_connection(name)
        run.messages.hide(connection.secrets)
        watched = run.connection
        if (connection.company_id.casefold(), connection.endpoint) == (
            watched.company_id.casefold(),
            watched.endpoint,
        ):
            raise SettingsError(f"load:{name} is the company that is watched", fix="name a connection to another one")
        refuse_without_plan(connection, fix="deliver to another connection, or load a file of events with approvals")
        if connection.environment == "production" and not yes:
            raise SettingsError(
                f"events would be posted to the production company {connection.target}", fix="pass `yes` if they should"
            )
        self._options = options
        self._lock = threading.Lock()
        self._client = run.open_client(connection)
        self._outbox = open_outbox(connection)
        self._folder = TemporaryDirectory(prefix="intacct-watch-")

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Post the events; DeliveryError with the reason if one is refused or in doubt."""
        with self._lock:
            for one in events:
                self._post(one)

    def _post(self, event: ChangeEvent) -> None:
        plan = self._plan(event)
        refused = plan.of(Verdict.REFUSED)
        if refused and not (event.kind is ChangeKind.DELETED and self._is_gone(plan)):
            raise DeliveryError("; ".join(str(reason) for one in refused for reason in one.reasons))
        proven = self._client.runtime.calibration.repeat_guard
        settings = LoadSettings(settle=SettleSettings(repeat_guard=proven))
        bad = [one for one in Loader(self._client, self._outbox, settings).apply(plan) if not one.good]
        if bad:
            doubtful = any(one.status is RecordStatus.IN_DOUBT for one in bad)
            reasons = "; ".join(f"{one.status.value.replace('_', ' ')}: {one.reason}" for one in bad)
            raise DeliveryError(reasons, in_doubt=doubtful)

    def _plan(self, event: ChangeEvent) -> Plan:
        """The plan for one event, planned as a file of one row."""
        deleted = event.kind is ChangeKind.DELETED
        options = self._options
        path = Path(self._folder.name) / "event.jsonl"
        path.write_bytes(encode({name: value for name, value in event.record.items() if value is not None}) + b"\n")
        named = options.as_name or event.object.split(":")[0]
        layout = layout_for(named, self._client, map_file=options.map_file, complete=False)
        mode = Mode.DELETE if deleted else Mode.UPSERT
        match = tuple(name.upper() for name in options.key)
        return make_plan(open_table(path), layout, self._client, self._outbox, PlanSettings(mode=mode, match=match))

    def _is_gone(self, plan: Plan) -> bool:
        """Whether the records to delete no longer exist."""
        return all(one.receipt is None for one in plan.records)

    def close(self) -> None:
        """Close the connection and the outbox."""
        self._outbox.close()
        self._client.close()
        self._folder.cleanup()
