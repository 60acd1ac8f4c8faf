"""Settling records in doubt: finding out whether they were applied, and sending them again if that is safe.

A record that is found is applied (`evidence` defines that). A record that is not found proves nothing while the first
request may still run or its record may become visible late. So nothing is sent again before `settle_after`. Then the
company is asked once more, and the record is sent alone under the same control id, if a search would have found it or
if the company's memory of control ids is proven. Otherwise it stays in doubt, with a note on where to look.

Records that were sent in one transaction are applied together or not at all. So they are sent again in one transaction
too, once all of them may be. If one of them is proven to be unapplied, then so are the others.

The repeat guard is a harmless read. That a company refuses a repeated control id today does not show for how long it
does. So a loader makes such a read, under a control id of its own, before it sends records that cannot be looked for.
While the company refuses to repeat that read, its memory reaches back to before those records, and one of them may be
sent again under its control id. A repetition that is not refused ends the guard permanently, since the company
remembers the read from then on.
"""

import threading
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.apply.evidence import EvidenceSearch
from intacct_bridge.load.apply.readback import ReadbackVerdict, read_back
from intacct_bridge.load.apply.sender import Sender, Step, is_repetition, no_step
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.lookup_keys import LookupKeys, lookup_keys_of
from intacct_bridge.load.records.status import UNAPPLIED, WITH_RECEIPT, RecordStatus
from intacct_bridge.load.records.write import Receipt, WriteOperation
from intacct_bridge.load.target.find_by_key import is_queryable
from intacct_protocol.errors import InDoubtError, IntacctError, NotPermittedError
from intacct_protocol.xml.envelope import SUCCESS, Function
from intacct_protocol.xml.reply import ConnectionCutError
from intacct_protocol.xml.xml import element

SETTLE_AFTER = timedelta(hours=1)
"""The gateway closes the connection of a request after fifteen minutes, and its work goes on (Sage's page on
synchronous requests). No source says for how long, nor whether a control id is refused while its first request still
runs. So the wait is four times as long."""


@dataclass(frozen=True, slots=True)
class SettleSettings:
    """When a record that is not found counts as not applied."""

    settle_after: timedelta = SETTLE_AFTER
    """0 trusts the documented refusal of a repeated control id and sends again at once."""
    repeat_guard: bool = False
    """Whether the company was seen to refuse a repeated control id; how far its memory reaches is checked each time."""


class RepeatGuard:
    """A harmless read, made before a loader sends records and repeated when one of them is in doubt."""

    def __init__(self, company: Gateway, outbox: Outbox) -> None:
        self._company = company
        self._outbox = outbox
        self._guard = threading.Lock()
        self._begun = False

    def begin(self) -> None:
        """Make the read, once for a loader. Without an answer there is no proof later on."""
        with self._guard:
            if self._begun:
                return
            self._begun = True
            control_id = f"ib1-guard-{self._outbox.loader}"
            try:
                (result,) = self._company.submit([self._read(control_id)])
            except IntacctError:
                return
            if result.status == SUCCESS:
                self._outbox.keep_repeat_guard(self._outbox.loader, control_id)

    def remembers(self, entry: OutboxEntry) -> bool:
        """Whether the company's memory is seen to reach back to before the entry was first sent."""
        loader = self._first_sender(entry)
        with self._guard:
            control_id = self._outbox.take_repeat_guard(loader)
            if not control_id:
                return False
            try:
                (result,) = self._company.submit([self._read(control_id)])
            except IntacctError as error:
                if not isinstance(error, InDoubtError) and not (isinstance(error, ConnectionCutError) and error.sent):
                    self._outbox.keep_repeat_guard(loader, control_id)  # the read certainly did not arrive
                return False
            if is_repetition(result.faults):
                self._outbox.keep_repeat_guard(loader, control_id)
                return True
            return False

    def _first_sender(self, entry: OutboxEntry) -> str:
        """The loader that sent this attempt for the first time."""
        sent = (one for one in self._outbox.history(entry) if one.status == RecordStatus.SENT)
        return next((one.loader for one in sent if one.control_id == entry.control_id), "")

    def _read(self, control_id: str) -> Function:
        user = self._company.connection.user_id
        return Function(element("readUserFormatting", element("userId", user)), control_id)


class Settler:
    """Settles entries in doubt of one company."""

    def __init__(
        self,
        company: Gateway,
        outbox: Outbox,
        settings: SettleSettings = SettleSettings(),
        *,
        step: Step = no_step,
    ) -> None:
        self._company = company
        self._outbox = outbox
        self._settings = settings
        self._search = EvidenceSearch(company, outbox)
        self._sender = Sender(company, outbox, step=step)
        self._repeat_guard = RepeatGuard(company, outbox)
        self._step = step

    def prepare(self, entries: Iterable[OutboxEntry]) -> None:
        """Set the repeat guard before these are sent, if one of them could not be looked for."""
        if self._settings.repeat_guard and any(
            not is_queryable(self._company, lookup_keys_of(entry.target.object), entry.lookup_key) for entry in entries
        ):
            self._repeat_guard.begin()

    def settle(self, entries: Iterable[OutboxEntry]) -> list[OutboxEntry]:
        """Each entry as it is after the search for it, and after a second sending if that is safe.

        The other entries of their transactions are settled with them: each would wait for the others.
        """
        requested = list(entries)
        numbers = {entry.number for entry in requested}
        done = self._settle([*requested, *self._others_in_doubt(requested, numbers)])
        return [entry for entry in done if entry.number in numbers]

    def _others_in_doubt(self, entries: Sequence[OutboxEntry], numbers: Container[int]) -> list[OutboxEntry]:
        """The other entries in doubt that were sent in one transaction with some of these."""
        batches = dict.fromkeys(self._outbox.batches(entries).values())
        members = (one for batch in batches for one in self._outbox.of_batch(batch))
        return [one for one in members if one.status is RecordStatus.IN_DOUBT and one.number not in numbers]

    def _settle(self, entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        created: dict[str, list[OutboxEntry]] = {}
        changed: dict[str, list[OutboxEntry]] = {}
        for entry in entries:
            kind = created if entry.target.operation is WriteOperation.CREATE else changed
            kind.setdefault(entry.target.object, []).append(entry)
        done: list[OutboxEntry] = []
        missing: list[OutboxEntry] = []
        for object_name, doubtful in created.items():
            done += self._settle_creates(lookup_keys_of(object_name), doubtful, missing)
        for doubtful in changed.values():
            done += self._settle_changes(doubtful, missing)
        return [*done, *self._send_again(missing)]

    def _settle_changes(self, doubtful: Sequence[OutboxEntry], missing: list[OutboxEntry]) -> list[OutboxEntry]:
        """Settle updates and deletes: their record shows whether they were done. `missing` gets those to send again."""
        asked_at = self._outbox.clock()
        try:
            readbacks = read_back(self._company, self._outbox, doubtful)
        except NotPermittedError as error:
            return [self._conclude(entry, RecordStatus.IN_DOUBT, error.message) for entry in doubtful]
        self._step("searched")
        done: list[OutboxEntry] = []
        for entry, back in zip(doubtful, readbacks, strict=True):
            if back.verdict is ReadbackVerdict.DONE or is_repetition(entry.faults):
                note = f"read back from {back.record}"
                done.append(self._conclude(entry, RecordStatus.APPLIED, note, back.record))
            elif back.verdict is ReadbackVerdict.UNCLEAR:
                done.append(self._conclude(entry, RecordStatus.IN_DOUBT, back.note))
            else:
                self._outbox.keep_earlier(entry, back.earlier)
                lookup = LookupKeys(entry.target.object)
                done += self._unless_missing(lookup, entry, missing, searchable=True, asked_at=asked_at)
        return done

    def _settle_creates(
        self, lookup: LookupKeys, doubtful: Sequence[OutboxEntry], missing: list[OutboxEntry]
    ) -> list[OutboxEntry]:
        """Settle new records: the company has them or not. `missing` gets those to send again."""
        asked_at = self._outbox.clock()
        evidence = self._search.look(lookup, doubtful)
        self._step("searched")
        done: list[OutboxEntry] = []
        for entry in doubtful:
            proof = evidence.proofs.get(entry.number)
            if proof is not None:
                note = f"found in the company as {proof.record}"
                done.append(self._conclude(entry, RecordStatus.APPLIED, note, proof.record))
            elif is_repetition(entry.faults):
                note = "the company reports that it was applied; its record was not found"
                done.append(self._conclude(entry, RecordStatus.APPLIED, note))
            elif entry.number in evidence.doubts:
                done.append(self._conclude(entry, RecordStatus.IN_DOUBT, evidence.doubts[entry.number]))
            else:
                searchable = entry.number in evidence.absent
                done += self._unless_missing(lookup, entry, missing, searchable=searchable, asked_at=asked_at)
        return done

    def _unless_missing(
        self,
        lookup: LookupKeys,
        entry: OutboxEntry,
        missing: list[OutboxEntry],
        *,
        searchable: bool,
        asked_at: datetime,
    ) -> list[OutboxEntry]:
        """Conclude an entry that was not found when the company was asked; one that may be sent again is `missing`."""
        if entry.faults:
            return [self._refused_resend(entry, searchable=searchable, asked_at=asked_at)]
        reason = self._reason_to_wait(lookup, entry, searchable=searchable, asked_at=asked_at)
        if reason:
            return [self._conclude(entry, RecordStatus.IN_DOUBT, reason)]
        missing.append(entry)
        return []

    def _send_again(self, missing: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """Send what may be sent again: each entry alone, those of a transaction together."""
        batches = self._outbox.batches(missing)
        groups: dict[str, list[OutboxEntry]] = {}
        for entry in missing:
            groups.setdefault(batches.get(entry.number, f"alone {entry.number}"), []).append(entry)
        done: list[OutboxEntry] = []
        for batch, group in groups.items():
            done += self._send_batch(batch, group) if group[0].number in batches else self._resend(group)
        return done

    def _send_batch(self, batch: str, missing: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """Send the missing entries of a transaction together, if that is all of it; alone if the others are applied."""
        members = self._outbox.of_batch(batch)
        if any(one.status in WITH_RECEIPT for one in members):
            return [sent for entry in missing for sent in self._resend([entry])]
        unapplied = next((one for one in members if one.status in UNAPPLIED), None)
        if unapplied is not None:
            note = f"it was sent together with {unapplied.label}, which was not applied"
            return [self._conclude(entry, RecordStatus.ABORTED, note) for entry in missing]
        numbers = {entry.number for entry in missing}
        waiting = next((one for one in members if one.number not in numbers), None)
        if waiting is not None:
            note = f"it was sent together with {waiting.label} (entry {waiting.number}), and waits for it"
            return [self._conclude(entry, RecordStatus.IN_DOUBT, note) for entry in missing]
        return self._resend(sorted(missing, key=lambda one: one.number))  # as they were sent first

    def _resend(self, missing: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """Send an entry again, or the entries of a transaction together."""
        resumed = self._outbox.resume(missing)
        if len(resumed) < len(missing):  # another loader took one of them
            note = "another loader settles a record of its transaction"
            self._outbox.conclude(one.ended(RecordStatus.IN_DOUBT, note=note) for one in resumed)
            return [self._latest(one) for one in missing]
        together = len(resumed) > 1
        sent = self._sender.send(resumed, transaction=together, resend=True)
        sent_numbers = {one.number for one in sent}
        # another loader took the others for lost
        done = [self._latest(one) for one in resumed if one.number not in sent_numbers]
        answered = [one for one in sent if one.status is RecordStatus.IN_DOUBT and one.faults]
        repeated = next((one.faults for one in answered if together and is_repetition(one.faults)), None)
        if repeated is not None:  # the company has completed the transaction before, and so each part of it
            answered = [replace(one, faults=repeated) for one in answered]
        done += (one for one in sent if one.status is not RecordStatus.IN_DOUBT or not one.faults)
        return [*done, *(self._settle(answered) if answered else ())]  # one more search, which concludes them

    def _refused_resend(self, entry: OutboxEntry, *, searchable: bool, asked_at: datetime) -> OutboxEntry:
        """Conclude an entry whose second sending the company refused, with faults that do not mean a repetition.

        A company may refuse before it looks at control ids (when it is busy, for example). So the refusal alone never
        proves that the first sending did nothing, however good the company's memory is. The next run tries again with a
        record that cannot be looked for.
        """
        waited = asked_at >= entry.since + SETTLE_AFTER
        if searchable and waited:
            return self._conclude(entry, RecordStatus.REJECTED, "not found, and refused when it was sent again")
        faults = "; ".join(str(fault) for fault in entry.faults)
        note = f"refused when it was sent again ({faults}); whether it was applied before is unknown"
        doubtful = replace(entry, faults=() if not searchable else entry.faults)
        return self._conclude(doubtful, RecordStatus.IN_DOUBT, note)

    def _reason_to_wait(self, lookup: LookupKeys, entry: OutboxEntry, *, searchable: bool, asked_at: datetime) -> str:
        """Why an entry that was not found must not be sent again now; empty if it may."""
        if not lookup.may_resend:
            return f"{lookup.object} is never sent again automatically; look for it: {lookup.hint}"
        wait = self._settings.settle_after
        if wait == timedelta(0):
            return ""
        due = (entry.last_sent_at or entry.planned_at) + wait
        if asked_at < due:
            return f"not found yet; it can be settled from {due:%Y-%m-%d %H:%M:%S} UTC on"
        if searchable or (self._settings.repeat_guard and self._repeat_guard.remembers(entry)):
            return ""
        return (
            "it has no key, such as a reference number, so it cannot be found automatically; "
            f"look for it: {lookup.hint or lookup.object}"
        )

    def _conclude(self, entry: OutboxEntry, status: RecordStatus, note: str, record: str = "") -> OutboxEntry:
        receipt = Receipt(record) if record else None
        faults = () if status is RecordStatus.APPLIED else entry.faults
        done = self._outbox.conclude([entry.ended(status, receipt, faults, note)], claim=bool(record))
        return done[0] if done else self._latest(entry)

    def _latest(self, entry: OutboxEntry) -> OutboxEntry:
        """The entry as the outbox has it now."""
        key = (entry.target, entry.identity)
        return self._outbox.latest([key])[key]
