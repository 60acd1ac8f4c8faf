"""Another company as a receiver: each event is planned and posted as a load of one record, through the outbox.

A created or changed record is upserted, a deleted one is deleted. A repeated delivery changes nothing: the plan finds
the record as it should be, and the outbox knows what it has sent. The record number of the watched company says nothing
of a record in the other one, so only a mapping gets it.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from intacct_bridge.changes.delivery import DeliveryError
from intacct_bridge.changes.event import ChangeEvent, ChangeKind, encode
from intacct_bridge.connections.sources import load_connection
from intacct_bridge.load.outbox.outbox import open_outbox
from intacct_bridge.operations.loads import JsonLines, LoadRequest, Mode, plan_loads
from intacct_bridge.operations.plans import ApplyOptions, Plan, Verdict, apply_plan, refuse_without_plan
from intacct_bridge.operations.recorded_run import CompanyRun, RecordedRun
from intacct_protocol.errors import SettingsError
from intacct_protocol.model import keys


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
        self._run = CompanyRun(self._client, outbox=self._outbox)

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Post the events; DeliveryError with the reason if one is refused or in doubt."""
        with self._lock:
            for event, plan in zip(events, plan_loads(self._run, map(self._request, events)), strict=True):
                self._post(event, plan)

    def _post(self, event: ChangeEvent, plan: Plan) -> None:
        removed = event.kind is ChangeKind.DELETED and all(record.receipt is None for record in plan.records)
        if plan.refused and not removed:
            reasons = (reason for record in plan.of(Verdict.REFUSED) for reason in record.reasons)
            raise DeliveryError("; ".join(map(str, reasons)))
        receipts = apply_plan(self._run, plan, ApplyOptions(skip_refused=True))
        receipts.check()
        bad = [outcome for outcome in receipts if not outcome.good]
        if bad:
            texts = (f"{outcome.status.value.replace('_', ' ')}: {outcome.reason}" for outcome in bad)
            raise DeliveryError("; ".join(texts), in_doubt=receipts.is_in_doubt)

    def _request(self, event: ChangeEvent) -> LoadRequest:
        """The load of one event, which is read as a file of one row is."""
        if event.kind is ChangeKind.DELETED:
            _refuse_unclear(event)
        number = "" if self._options.map_file else keys.record_key(_object_of(event))
        values = {name: value for name, value in event.record.items() if value is not None and name != number}
        return LoadRequest(
            source=JsonLines(tuple(values), lambda: (encode(values),), self._source_key(event)),
            name="event",
            source_name=event.company,
            layout=self._options.as_name or _object_of(event),
            mapping=self._options.map_file,
            mode=Mode.DELETE if event.kind is ChangeKind.DELETED else Mode.UPSERT,
            key=self._options.key,
            after_undo="refuse",  # no person sees the plan
        )

    def _source_key(self, event: ChangeEvent) -> tuple[str, ...]:
        """The key of the record in the watched company, by which it is the same one after its number was corrected.

        None for a record that has an id there, such as a vendor: an id stays, and may be given to a new record.
        """
        name = _object_of(event)
        has_id = self._options.map_file is None and keys.natural_key(name) is not None
        return () if has_id else (name, event.key)

    def close(self) -> None:
        """Close the connection and the outbox."""
        self._outbox.close()
        self._client.close()


def _object_of(event: ChangeEvent) -> str:
    return event.object.split(":")[0]


def _refuse_unclear(event: ChangeEvent) -> None:
    """DeliveryError if a deleted record was never read, and what the audit history has of it may be a record number."""
    if len(event.record) != 1:
        return
    ((name, value),) = event.record.items()
    meanings = [field for field, _ in keys.audited(_object_of(event), str(value))]
    number = keys.record_key(_object_of(event))
    if name == number or (name == keys.natural_key(_object_of(event)) and number in meanings):
        raise DeliveryError(
            f"the watch never read the deleted {event.object} {value}, and this may be its record number,"
            " which says nothing of the other company: delete the record there by hand",
            final=True,
        )
