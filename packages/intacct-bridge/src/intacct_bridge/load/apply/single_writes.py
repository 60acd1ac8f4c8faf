"""Single writes through the outbox: the `create`, `update` and `delete` of a client, kept like the records of a load.

Each call is a write of its own, so a person may create equal records one after the other. But as long as one of them is
in doubt, the same write is refused: it may have been done. `intacct outbox settle` finds out.
"""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from intacct_bridge.client.client import Client
from intacct_bridge.client.writing import IN_DOUBT, NOT_SENT, Outcome, tell_outcomes
from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.apply.sender import Sender, refuse_read_only, refuse_without_plan
from intacct_bridge.load.outbox.described import posting_date, totals, write_target
from intacct_bridge.load.outbox.entry import OutboxEntry, new_entry
from intacct_bridge.load.outbox.outbox import Outbox, open_outbox
from intacct_bridge.load.records.identity import all_identities, content_digest
from intacct_bridge.load.records.lookup_keys import EXTERNALID, lookup_keys_of
from intacct_bridge.load.records.status import UNRESOLVED, RecordStatus
from intacct_bridge.load.records.values import equal_form
from intacct_bridge.load.records.write import Identity, RecordLine, Write, WriteOperation, record_label
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.current_records import CurrentRecord, Locator, moved_facts, replaced_values
from intacct_bridge.load.target.find_by_key import key_values
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.load.target.writable import WritableObject, writable_object
from intacct_protocol.errors import InDoubtError, IntacctError, InvalidRequestError, SettingsError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.keys import lines, natural_key
from intacct_protocol.model.wording import counted
from intacct_protocol.model.writing.generic import is_rows
from intacct_protocol.xml.envelope import ABORTED, FAILURE, SUCCESS
from intacct_protocol.xml.values import Value
from intacct_protocol.xml.xml import Element, serialize

_BATCH = 100
_NO_ROW = SourceRow("", 0, {})
_RESULTS = {
    RecordStatus.APPLIED: SUCCESS,
    RecordStatus.ABORTED: ABORTED,
    RecordStatus.PLANNED: NOT_SENT,
    RecordStatus.NOT_SENT: NOT_SENT,
    **dict.fromkeys(UNRESOLVED, IN_DOUBT),
}


class OwnOutbox:
    """The outbox of a connection, opened with the first write and closed with the client."""

    def __init__(self, run: str = "") -> None:
        """`run`: the id of the run whose entries these are; empty: a new one."""
        self._run = run
        self._guard = threading.Lock()
        self._outbox: Outbox | None = None

    def __call__(self, connection: Connection) -> Outbox:
        """The outbox; all threads get the same one."""
        with self._guard:
            if self._outbox is None:
                try:
                    self._outbox = open_outbox(connection, run=self._run)
                except SettingsError as error:
                    fix = f"{error.fix}; or write without an outbox: connect with outbox=None"
                    raise SettingsError(error.message, fix=fix) from None
            return self._outbox

    def close(self) -> None:
        """Close it if it is open; a later write opens it again."""
        with self._guard:
            if self._outbox is not None:
                self._outbox.close()
            self._outbox = None


ShownValues = Mapping[str, Value] | None
"""The values of a record that an update replaces, or the facts of one that is deleted; None if it was not read."""


def shown_records(
    client: Client, operation: str, object_name: str, rows: Sequence[Mapping[str, Any]]
) -> list[ShownValues]:
    """The records that these rows of an update or a delete are for, as the company has them now."""
    writes = [_write(WriteOperation(operation), object_name.upper(), row) for row in rows]
    return [write.earlier for write in _with_earlier(client, writes)]


class OutboxWriter:
    """Sends the writes of a client through an outbox; a client takes it as its `writer`.

    Without an outbox it opens the connection's own with the first write, and closes it with the client. The caller
    closes an outbox of its own. With `keep_earlier` it reads the values that an update replaces, so that the update can
    be taken back, and the facts of a record that is deleted: one query for 500 records. With `shown`, which
    `shown_records` gives for the same rows, it refuses a write whose record was changed since.
    """

    def __init__(
        self,
        outbox: Outbox | Callable[[Connection], Outbox] | None = None,
        *,
        keep_earlier: bool = False,
        shown: "Sequence[ShownValues]" = (),
        run: str = "",
    ) -> None:
        self._own_outbox = OwnOutbox(run)
        self._given_outbox = outbox
        self._keep_earlier = keep_earlier or bool(shown)
        self._shown = shown

    def _outbox(self, connection: Connection) -> Outbox:
        if isinstance(self._given_outbox, Outbox):
            return self._given_outbox
        return (self._given_outbox or self._own_outbox)(connection)

    def close(self) -> None:
        """Close the outbox that it has opened by itself."""
        self._own_outbox.close()

    def write(
        self,
        client: Client,
        operation: str,
        object_name: str,
        rows: Sequence[Mapping[str, Any]],
        bodies: Sequence[Element],
        *,
        transaction: bool = False,
    ) -> list[Outcome]:
        """The outcome of each row. InDoubtError for a lost answer, and if the same write is in doubt.

        An error has the outcomes of all rows, as far as they are known, and no further request is sent after it.
        """
        refuse_without_plan(client.connection)
        refuse_read_only(client.connection)
        if transaction and len(bodies) > _BATCH:
            raise InvalidRequestError(
                f"{len(bodies):,} records do not fit in one transaction, which holds {_BATCH}",
                fix="Send them without `transaction`, or in smaller groups.",
            )
        if not rows:
            return []
        target, outbox = TargetCompany.of(client.connection), self._outbox(client.connection)
        outbox.begin_run(target.user, lambda: client.company_time)
        labels = frozenset((EXTERNALID,)) if client.connection.external_ids == "label" else frozenset()
        writes = [replace(_write(WriteOperation(operation), object_name.upper(), row), labels=labels) for row in rows]
        _check_doubts(target, outbox, writes)
        if self._keep_earlier and operation != WriteOperation.CREATE:
            writes = _with_earlier(client, writes)
        if self._shown:
            _refuse_other_values(writes, self._shown)
        sender = Sender(client, outbox)
        done: list[OutboxEntry] = []
        for batch in batched(zip(writes, bodies, strict=True), _BATCH):
            new = [_new_entry(target, write, body) for write, body in batch]
            begun: list[OutboxEntry] = []
            try:
                begun = outbox.begin(outbox.plan(new), together=transaction)
                entries = {entry.number: entry for entry in sender.send(begun, transaction=transaction)}
                begun = [entries[one.number] for one in begun]
                _refuse_unresolved([*done, *begun], len(writes))
            except IntacctError as error:
                error.outcomes = tuple(_outcome(_as_now(outbox, one)) for one in begun)
                tell_outcomes(error, [_outcome(one) for one in done], len(writes))
                raise
            done += begun
        return [_outcome(one) for one in done]


def _check_doubts(target: TargetCompany, outbox: Outbox, writes: Sequence[Write]) -> None:
    """Refuse a write that an earlier call left in doubt."""
    unresolved = outbox.entries(company=target.company, statuses=UNRESOLVED, object=writes[0].object)
    doubtful = {(entry.target.operation, entry.digest): entry.number for entry in unresolved}
    numbers = [doubtful.get((write.operation, write.digest)) for write in writes]
    number = next((one for one in numbers if one is not None), None)
    if number is not None:
        error = InDoubtError(
            f"the same write is in doubt: it may have been done (entry {number} of the outbox)",
            fix=f"intacct outbox settle {number}",
        )
        error.outcomes = tuple(Outcome(NOT_SENT if one is None else IN_DOUBT) for one in numbers)
        raise error


def _refuse_unresolved(entries: Sequence[OutboxEntry], count: int) -> None:
    """InDoubtError if one of these entries may have been applied; `count` is the number of rows in the call."""
    entry = next((one for one in entries if one.status in UNRESOLVED), None)
    if entry is not None:
        applied = sum(one.status is RecordStatus.APPLIED for one in entries)
        others = f"; {applied:,} of {counted(count, 'row')} were written" if count > 1 else ""
        raise InDoubtError(
            f"{entry.label} may have been written (entry {entry.number} of the outbox): {entry.note}{others}",
            fix=f"intacct outbox settle {entry.number}",
        )


def _as_now(outbox: Outbox, entry: OutboxEntry) -> OutboxEntry:
    """The entry as the outbox has it now, or as it was begun (so it may be applied) if that cannot be read."""
    try:
        return outbox.entry(entry.number)
    except IntacctError:
        return entry


def _with_earlier(client: Client, writes: Sequence[Write]) -> list[Write]:
    """The updates and deletes with what they replace or delete, if all of them name their record by the same field."""
    writable = writable_object(client, writes[0].object)
    names = (writable.lookup.record_key, natural_key(writable.name) or "")
    by = next((name for name in names if all(write.fields.get(name) for write in writes)), "")
    if not by:
        return list(writes)
    located = Locator(client, writable).locate([(write, (by,)) for write in writes])
    return [
        replace(write, earlier=_current_values(write, found[0], writable)) if found else write
        for write, found in zip(writes, located, strict=True)
    ]


def _current_values(write: Write, current: CurrentRecord, writable: WritableObject) -> Mapping[str, Value]:
    return current.facts if write.operation is WriteOperation.DELETE else replaced_values(write, current, writable)


def _refuse_other_values(writes: Sequence[Write], shown: Sequence[ShownValues]) -> None:
    """InvalidRequestError if the record of a write is not as it was shown."""
    for write, before in zip(writes, shown, strict=True):
        if before is None:
            continue
        if write.earlier is None:
            raise InvalidRequestError(f"{write.label} no longer exists in Intacct", fix="Check its key.")
        texts = [{name: equal_form(value) for name, value in values.items()} for values in (before, write.earlier)]
        if moved := moved_facts(write, *texts):
            raise InvalidRequestError(
                f"{moved[0].message}: it was changed in Intacct before you answered",
                fix="Look at the record, and run the command again.",
            )


def _write(operation: WriteOperation, name: str, row: Mapping[str, Any]) -> Write:
    """A row as the outbox describes it; the function is built by the client."""
    fields = {key.upper(): value for key, value in row.items() if not is_rows(value) and not isinstance(value, Mapping)}
    owned = {one.wrapper: one.line for one in lines(name)}
    sets = {
        key.upper(): tuple(RecordLine(owned.get(key.upper(), ""), _upper(line), _NO_ROW) for line in value)
        for key, value in row.items()
        if is_rows(value)
    }
    known_by = natural_key(name) or lookup_keys_of(name).record_key
    named = next((str(fields[one]) for one in (known_by, lookup_keys_of(name).record_key) if fields.get(one)), "")
    digest = content_digest(name, {key.upper(): value for key, value in row.items()}, {})
    identity = Identity(f"single:{uuid.uuid4().hex}", "single")
    return Write(operation, name, fields, identity, digest, record_label(name, named), (), sets)


def _upper(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name.upper(): value for name, value in line.items()}


def _new_entry(target: TargetCompany, write: Write, body: Element) -> OutboxEntry:
    keys = key_values(lookup_keys_of(write.object).without(write.labels), write.fields)
    return new_entry(
        write_target(target, write),
        write.identity.text,
        write.digest,
        serialize(body),
        keys if write.operation is WriteOperation.CREATE else {},
        label=write.label,
        totals=totals([write]),
        posting_date=posting_date(write),
        identities=tuple(replace(one, place=0) for one in all_identities(write, "")),
        earlier=write.earlier,
    )


def _outcome(entry: OutboxEntry) -> Outcome:
    receipt = entry.receipt
    status = _RESULTS.get(entry.status, FAILURE)
    return Outcome(status, receipt.record if receipt else "", receipt.name if receipt else "", entry.faults)
