"""Settling doubt: was it applied or not? Found is proof; not found is proof only after a while, and not everywhere.

*Found* means: bears the record's key, made by the user who sent it, not before it was sent, not a copy that the company
made, and claimed by no other receipt. Equal twins are settled by count. *Not found* proves nothing while the first
request may still run or be visible late, so nothing is sent again before `settle_after`; then the company is asked once
more and the record is sent alone under the same control id, where the search means something or the company's memory of
control ids is proven. Otherwise it stays in doubt, and says what a person should look for.

Proof that a company still remembers the control ids of a run: a harmless read that the run made before it sent.

That a company refuses a repeated control id today does not say for how long. So a loader asks something harmless under
a control id of its own before it sends records that cannot be looked for. As long as the repetition of that read is
refused, the memory reaches back to before those records, and one of them may be sent again under its control id. A
repetition that is not refused ends the proof for good, since it is remembered from then on itself.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import InDoubtError, IntacctError, NotPermittedError
from intacct_bridge.flow.company.find_by_key import is_queryable
from intacct_bridge.flow.outbox.entry import Conclusion, OutboxEntry
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.post.evidence import Search
from intacct_bridge.flow.post.readback import ReadbackVerdict, read_back
from intacct_bridge.flow.post.sender import Sender, Step, no_step, repeated
from intacct_bridge.flow.records.lookup_keys import LookupKeys, lookup_keys_of
from intacct_bridge.flow.records.status import RecordStatus
from intacct_bridge.flow.records.write import Receipt, WriteOperation
from intacct_bridge.wire.envelope import SUCCESS, Function
from intacct_bridge.wire.reply import ConnectionCutError
from intacct_bridge.wire.xml import element


class Witness:
    """Asks before, and asks again after."""

    def __init__(self, company: Gateway, outbox: Outbox) -> None:
        self._company = company
        self._outbox = outbox
        self._guard = threading.Lock()
        self._called = False

    def call(self) -> None:
        """Ask, once for a loader. Without an answer there is no proof later on, and that is all."""
        with self._guard:
            if self._called:
                return
            self._called = True
            control_id = f"ib1-witness-{self._outbox.loader}"
            try:
                (result,) = self._company.submit([self._question(control_id)])
            except IntacctError:
                return
            if result.status == SUCCESS:
                self._outbox.keep_witness(self._outbox.loader, control_id)

    def remembers(self, entry: OutboxEntry) -> bool:
        """Whether the company's memory is seen to reach back to before the entry was first sent."""
        loader = self._first_sender(entry)
        with self._guard:
            control_id = self._outbox.take_witness(loader)
            if not control_id:
                return False
            try:
                (result,) = self._company.submit([self._question(control_id)])
            except IntacctError as error:
                if not isinstance(error, InDoubtError) and not (isinstance(error, ConnectionCutError) and error.sent):
                    self._outbox.keep_witness(loader, control_id)  # it was not asked
                return False
            if repeated(result.faults):
                self._outbox.keep_witness(loader, control_id)
                return True
            return False

    def _first_sender(self, entry: OutboxEntry) -> str:
        """The loader that sent this attempt for the first time."""
        sent = (one for one in self._outbox.history(entry) if one["state"] == RecordStatus.SENT)
        return next((str(one["loader"]) for one in sent if one["control_id"] == entry.control_id), "")

    def _question(self, control_id: str) -> Function:
        user = self._company.connection.user_id
        return Function(element("readUserFormatting", element("userId", user)), control_id)


SETTLE_AFTER = timedelta(minutes=15)
"""The gateway gives up on a request after fifteen minutes (Sage's page on synchronous requests)."""


@dataclass(frozen=True, slots=True)
class SettleSettings:
    """When not finding a record is enough."""

    settle_after: timedelta = SETTLE_AFTER
    """0 trusts the documented refusal of a repeated control id and sends again at once."""
    memory_proven: bool = False
    """Whether the company was seen to refuse a repeated control id; how far its memory reaches is asked each time."""


class Settler:
    """Settles doubtful entries of one company."""

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
        self._search = Search(company, outbox)
        self._sender = Sender(company, outbox, step=step)
        self._witness = Witness(company, outbox)
        self._step = step

    def prepare(self, entries: Iterable[OutboxEntry]) -> None:
        """See to it, before these are sent, that those among them that cannot be looked for can be settled."""
        if self._settings.memory_proven and any(
            not is_queryable(self._company, lookup_keys_of(entry.target.object), entry.lookup_key) for entry in entries
        ):
            self._witness.call()

    def settle(self, entries: Iterable[OutboxEntry]) -> list[OutboxEntry]:
        """Each entry as it stands after looking for it, and after sending it again where that is right."""
        created: dict[str, list[OutboxEntry]] = {}
        changed: dict[str, list[OutboxEntry]] = {}
        for entry in entries:
            kind = created if entry.target.operation is WriteOperation.CREATE else changed
            kind.setdefault(entry.target.object, []).append(entry)
        done: list[OutboxEntry] = []
        for object_name, doubtful in created.items():
            done += self._settle(lookup_keys_of(object_name), doubtful)
        for doubtful in changed.values():
            done += self._settle_changes(doubtful)
        return done

    def _settle_changes(self, doubtful: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """Updates and deletes: their record says whether they were done."""
        asked = self._outbox.clock()
        try:
            found = read_back(self._company, doubtful)
        except NotPermittedError as error:
            return [self._end(entry, RecordStatus.IN_DOUBT, error.message) for entry in doubtful]
        self._step("looked")
        done: list[OutboxEntry] = []
        for entry, back in zip(doubtful, found, strict=True):
            if back.found is ReadbackVerdict.DONE or repeated(entry.faults):
                done.append(self._end(entry, RecordStatus.APPLIED, f"read back from {back.record}", back.record))
            elif back.found is ReadbackVerdict.UNCLEAR:
                done.append(self._end(entry, RecordStatus.IN_DOUBT, back.note))
            else:
                done += self._missing(LookupKeys(entry.target.object), entry, searchable=True, asked=asked)
        return done

    def _settle(self, lookup: LookupKeys, doubtful: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        asked = self._outbox.clock()
        sight = self._search.look(lookup, doubtful)
        self._step("looked")
        done: list[OutboxEntry] = []
        for entry in doubtful:
            found = sight.proofs.get(entry.number)
            if found is not None:
                done.append(
                    self._end(entry, RecordStatus.APPLIED, f"found in the company as {found.record}", found.record)
                )
            elif repeated(entry.faults):
                note = "the company says it was done; its record was not found"
                done.append(self._end(entry, RecordStatus.APPLIED, note))
            elif entry.number in sight.doubts:
                done.append(self._end(entry, RecordStatus.IN_DOUBT, sight.doubts[entry.number]))
            else:
                done += self._missing(lookup, entry, searchable=entry.number in sight.absent, asked=asked)
        return done

    def _missing(
        self, lookup: LookupKeys, entry: OutboxEntry, *, searchable: bool, asked: datetime
    ) -> list[OutboxEntry]:
        """What to do with an entry that was not found when the company was asked at that time."""
        if entry.faults:
            return [self._refused_again(entry, searchable=searchable, asked=asked)]
        why_not = self._why_not(lookup, entry, searchable=searchable, asked=asked)
        if why_not:
            return [self._end(entry, RecordStatus.IN_DOUBT, why_not)]
        taken = self._outbox.resume([entry])
        if not taken:
            return list(self._outbox.latest([(entry.target, entry.identity)]).values())
        sent = self._sender.send(taken, again=True)
        if sent and sent[0].status is RecordStatus.IN_DOUBT and sent[0].faults:
            return self.settle(sent)  # it was answered: look once more, and then it ends here
        return sent

    def _refused_again(self, entry: OutboxEntry, *, searchable: bool, asked: datetime) -> OutboxEntry:
        """Conclude an entry whose second sending the company refused, in words that we do not know as a repetition's.

        A company may refuse before it looks at control ids (when it is busy, say), so the refusal alone never proves
        that the first sending did nothing, however good its memory is. What cannot be looked for is tried again by
        the next run.
        """
        waited = asked >= (entry.sent_at or entry.planned_at) + SETTLE_AFTER
        if searchable and waited:
            return self._end(entry, RecordStatus.REJECTED, "not found, and refused when it was sent again")
        said = "; ".join(str(fault) for fault in entry.faults)
        note = f"refused when it was sent again ({said}); whether it was done before is unknown"
        return self._end(replace(entry, faults=() if not searchable else entry.faults), RecordStatus.IN_DOUBT, note)

    def _why_not(self, lookup: LookupKeys, entry: OutboxEntry, *, searchable: bool, asked: datetime) -> str:
        """Why an entry that was not found must not be sent again now; empty where it may."""
        if not lookup.may_resend:
            return f"a {lookup.object} is never sent again by itself; look for it: {lookup.hint}"
        wait = self._settings.settle_after
        if wait == timedelta(0):
            return ""
        due = (entry.last_sent_at or entry.planned_at) + wait
        if asked < due:
            return f"not found yet; it is looked for again from {due:%Y-%m-%d %H:%M:%S} UTC on"
        if searchable or (self._settings.memory_proven and self._witness.remembers(entry)):
            return ""
        return f"it bears no key to look for it by; look for it: {lookup.hint or lookup.object}"

    def _end(self, entry: OutboxEntry, state: RecordStatus, note: str, record: str = "") -> OutboxEntry:
        receipt = Receipt(record) if record else None
        faults = () if state is RecordStatus.APPLIED else entry.faults
        end = Conclusion(entry, state, receipt, faults, note, claim=bool(record))
        done = self._outbox.conclude([end])
        return done[0] if done else self._outbox.latest([(entry.target, entry.identity)])[entry.target, entry.identity]
