"""The outbox with two loaders, a company that answers or not, and a person: any order of their steps.

The company below applies what reaches it, at once, late or never. The model knows which records are in force. It is
not told what the outbox holds.
"""

import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from intacct_bridge.load.outbox.entry import OutboxEntry, Resolution, ResolutionKind, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.status import UNAPPLIED, RecordStatus
from intacct_bridge.load.records.write import Receipt, WriteOperation
from intacct_bridge.shared_state.database import LONGEST_REQUEST, SEND_WITHIN
from intacct_bridge.shared_state.place import Place, postgres_place
from support.shared_files import roomy_folder
from support.state_machines import machine_settings

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CREATE = WriteTarget("company", "", WriteOperation.CREATE, "VENDOR")
DELETE = WriteTarget("company", "", WriteOperation.DELETE, "VENDOR")
LOADERS, IDENTITIES = st.sampled_from((0, 1)), st.sampled_from(("key:A", "key:B", "key:C"))
FATES = st.sampled_from(("done", "late", "never"))


class TwoLoaders(RuleBasedStateMachine):
    """Two loaders on one outbox; `held` are the entries whose bytes a loader is about to send."""

    place: Place

    def opened(self) -> Outbox:
        """Another loader."""
        return Outbox(self.place)

    def make_place(self) -> None:
        """Choose a place for the outbox."""
        self.folder = tempfile.TemporaryDirectory(dir=roomy_folder())
        self.place = Path(self.folder.name) / "outbox.sqlite3"

    def ended(self) -> None:
        """Let the time pass after which an entry of an ended loader is in doubt."""

    @initialize()
    def begin(self) -> None:
        self.make_place()
        self.outboxes = [self.opened(), self.opened()]
        self.held: list[list[OutboxEntry]] = [[], []]
        self.lost: list[list[OutboxEntry]] = [[], []]
        self.late: list[OutboxEntry] = []
        self.records: dict[str, list[str]] = {}
        """The company's records in force, by identity."""
        self.numbers = 0

    def teardown(self) -> None:
        for outbox in self.outboxes:
            outbox.close()
        self.clean()

    def clean(self) -> None:
        """Remove the place."""
        self.folder.cleanup()

    # --- the company

    def applied(self, entry: OutboxEntry) -> Receipt | None:
        """The company does what an entry asks for; no receipt where it refuses that."""
        if entry.target.operation is WriteOperation.DELETE:
            identity, _, record = entry.identity.removeprefix("undo:").rpartition("=")
            if record not in self.records.get(identity, []):
                return None
            self.records[identity].remove(record)
            return Receipt(record)
        self.numbers += 1
        self.records.setdefault(entry.identity, []).append(str(self.numbers))
        return Receipt(str(self.numbers))

    def on_its_way(self, entry: OutboxEntry) -> bool:
        """Whether a request with this entry may still be applied."""
        waiting = (*self.late, *self.held[0], *self.held[1])
        return any(one.number == entry.number for one in waiting)

    # --- loaders

    @rule(loader=LOADERS, identity=IDENTITIES, digest=st.sampled_from("ab"))
    def post(self, loader: int, identity: str, digest: str) -> None:
        outbox = self.outboxes[loader]
        entries = outbox.plan([new_entry(CREATE, identity, digest, f"<create>{digest}</create>")])
        self.held[loader] += outbox.begin([one for one in entries if one.status is RecordStatus.PLANNED])

    @rule(identity=IDENTITIES)
    def both_post_at_once(self, identity: str) -> None:
        """Both have planned the record before the first of them sends it."""
        intents = [new_entry(CREATE, identity, "a", "<create>a</create>")]
        planned = [outbox.plan(intents) for outbox in self.outboxes]
        for loader, outbox in enumerate(self.outboxes):
            self.held[loader] += outbox.begin([one for one in planned[loader] if one.status is RecordStatus.PLANNED])

    @rule(loader=LOADERS)
    def retry(self, loader: int) -> None:
        outbox = self.outboxes[loader]
        failed = list(outbox.entries(statuses=UNAPPLIED))
        again = outbox.plan(
            new_entry(one.target, one.identity, one.digest, one.body, undoes=one.undoes) for one in failed
        )
        self.held[loader] += outbox.begin(again)

    @rule(loader=LOADERS, identity=IDENTITIES)
    def undo(self, loader: int, identity: str) -> None:
        outbox = self.outboxes[loader]
        entry = outbox.latest([(CREATE, identity)]).get((CREATE, identity))
        if entry is not None and entry.status is RecordStatus.APPLIED and entry.receipt:
            name = f"undo:{identity}={entry.receipt.record}"
            planned = outbox.plan([new_entry(DELETE, name, "d", "<delete/>", undoes=entry.number)])
            self.held[loader] += outbox.begin([one for one in planned if one.status is RecordStatus.PLANNED])

    @rule(loader=LOADERS)
    def answered(self, loader: int) -> None:
        ends = []
        for entry in self.held[loader]:
            receipt = self.applied(entry)
            status = RecordStatus.REJECTED if receipt is None else RecordStatus.APPLIED
            ends.append(entry.ended(status, receipt))
        self.held[loader] = []
        assert len(self.outboxes[loader].conclude(ends)) == len(ends)

    @rule(loader=LOADERS, status=st.sampled_from((RecordStatus.REJECTED, RecordStatus.NOT_SENT, RecordStatus.ABORTED)))
    def not_applied(self, loader: int, status: RecordStatus) -> None:
        self.outboxes[loader].conclude([one.ended(status) for one in self.held[loader]])
        self.held[loader] = []

    @rule(loader=LOADERS, fate=FATES)
    def fault(self, loader: int, fate: str) -> None:
        """No answer comes back, and the loader notes the doubt."""
        lost, self.held[loader] = self.held[loader], []
        self._meet(lost, fate)
        self.outboxes[loader].conclude([one.ended(RecordStatus.IN_DOUBT) for one in lost])
        self.lost[loader] += lost

    @rule(loader=LOADERS, fate=FATES)
    def crash(self, loader: int, fate: str) -> None:
        """The process ends, and another one begins."""
        lost, self.held[loader], self.lost[loader] = self.held[loader], [], []
        self._meet(lost, fate)
        gone = self.outboxes[loader].loader
        self.outboxes[loader].close()
        self.ended()
        self.outboxes[loader] = self.opened()
        while any(one.loader == gone for one in self.outboxes[loader].entries(statuses=[RecordStatus.SENT])):
            self.outboxes[loader].recover()  # a database server takes a moment to notice the end

    def _meet(self, lost: list[OutboxEntry], fate: str) -> None:
        if fate == "late":
            self.late += lost
        for entry in lost if fate == "done" else ():
            self.applied(entry)

    @precondition(lambda self: self.late)
    @rule()
    def time_passes(self) -> None:
        late, self.late = self.late, []
        for entry in late:
            self.applied(entry)

    @rule(loader=LOADERS)
    def an_old_answer_is_read(self, loader: int) -> None:
        """A loader concludes what it once lost, from the entry as it knew it: others may have moved it on since."""
        for entry in self.lost[loader]:
            now = self.outboxes[loader].entry(entry.number)
            same = now.sendings == entry.sendings and now.status is RecordStatus.IN_DOUBT
            done = self.outboxes[loader].conclude([entry.ended(RecordStatus.IN_DOUBT)])
            assert bool(done) == same
        self.lost[loader] = []

    @rule(loader=LOADERS)
    def settle(self, loader: int) -> None:
        """Found: applied. Not found, and nothing can still be on its way: sent again, under the same control id."""
        outbox = self.outboxes[loader]
        for entry in list(outbox.entries(statuses=[RecordStatus.IN_DOUBT])):
            if self.on_its_way(entry):
                continue
            record = self._found(outbox, entry)
            if record:
                outbox.conclude([entry.ended(RecordStatus.APPLIED, Receipt(record))], claim=True)
            else:
                again = outbox.resume([entry])
                assert [one.control_id for one in again] == [entry.control_id]
                self.held[loader] += again

    @rule()
    def resolve(self) -> None:
        """A person looks in the company and tells the truth."""
        outbox = self.outboxes[0]
        for entry in list(outbox.entries(statuses=[RecordStatus.IN_DOUBT])):
            if not self.on_its_way(entry):
                record = self._found(outbox, entry)
                kind = ResolutionKind.POSTED_AS if record else ResolutionKind.NOT_POSTED
                if not (record and entry.undoes):  # people resolve new records
                    outbox.decide(entry.number, Resolution(kind, "a person", "looked", record))

    def _found(self, outbox: Outbox, entry: OutboxEntry) -> str:
        """The record that proves that an entry was applied."""
        if entry.target.operation is WriteOperation.DELETE:
            identity, _, record = entry.identity.removeprefix("undo:").rpartition("=")
            return "" if record in self.records.get(identity, []) else record
        claimed = outbox.claimed("company", "VENDOR", self.records.get(entry.identity, []))
        return next((one for one in self.records.get(entry.identity, []) if one not in claimed), "")

    # --- what holds at any time

    @invariant()
    def nothing_is_there_twice(self) -> None:
        assert all(len(records) <= 1 for records in self.records.values())

    @invariant()
    def the_outbox_knows_what_is_there(self) -> None:
        entries = list(self.outboxes[0].entries())
        leaving = {one.undoes for one in entries if one.status in (RecordStatus.SENT, RecordStatus.IN_DOUBT)}
        newest = {one.identity: one for one in entries if one.target == CREATE}
        for identity, entry in newest.items():
            there = len(self.records.get(identity, []))
            if entry.status is RecordStatus.APPLIED and entry.number not in leaving:
                assert there == 1, entry
            if entry.status in (*UNAPPLIED, RecordStatus.RELEASED):
                assert there == 0, entry
        assert set(self.records) <= set(newest)
        receipts = Counter(one.receipt.record for one in entries if one.status is RecordStatus.APPLIED and one.receipt
                           and one.target == CREATE)  # fmt: skip
        assert not receipts or max(receipts.values()) == 1


TestTwoLoaders = TwoLoaders.TestCase
TestTwoLoaders.settings = machine_settings(examples=25, steps=25)


class TwoMachines(TwoLoaders):
    """The same on two machines, which share a database."""

    server = ""

    def make_place(self) -> None:
        self.now = NOW
        self.place = postgres_place(self.server, f"test_{token_hex(6)}")

    def opened(self) -> Outbox:
        return Outbox(self.place, clock=lambda: self.now)

    def ended(self) -> None:
        self.now += SEND_WITHIN + LONGEST_REQUEST + timedelta(seconds=1)

    def clean(self) -> None:
        """The server is removed with all of its schemas."""


def test_two_loaders_on_two_machines(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TwoMachines, "server", postgres_server)
    run_state_machine_as_test(TwoMachines, settings=machine_settings(examples=6, steps=20))
