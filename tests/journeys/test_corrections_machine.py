"""People correct a source, load it, edit Intacct by hand and kill loads, in any order: each record is posted once."""

import tempfile
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.plan.plan import MatchRules, Mode
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.corrections import Entry
from support.journeys.objects import LoadScenario
from support.small_company import Clock, client, company
from support.state_machines import machine_settings

IDS = ("A", "B", "C")
DAYS = ("2026-11-30", "2026-11-29", "2026-10-31")
LIVE, DRAFT, VOID = "Open", "Draft", "Void"
BY_NUMBER, BY_KEY, UPSERT = "by number", "by key", "upsert"
HEADER = "Id,Journal,Date,Title,Reference,Account,Debit,Credit,Location,Status\n"


@dataclass(frozen=True)
class Version:
    """What the source has of a record now; its title begins with its id, so that the company's record is known."""

    entry: Entry
    state: str = LIVE

    @property
    def rows(self) -> str:
        return "".join(f"{row},{self.state}\n" for row in self.entry.rows.splitlines())

    @property
    def held(self) -> tuple[str, ...]:
        """The record as the company is to hold it."""
        entry = self.entry
        day = "{1}/{2}/{0}".format(*entry.day.split("-"))
        return (entry.reference, day, entry.title, entry.amount, "Draft" if self.state == DRAFT else "Posted")


class KilledError(BaseException):
    """Stands for kill -9."""


class Corrections(RuleBasedStateMachine):
    """A source of three journal entries, a machine that loads it, and a company."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.emulator = company(self.clock)
        settle = SettleSettings(timedelta(0))
        self.desk = LoadScenario(Path(self.folder.name), self.emulator, settle=settle)
        self.source = {name: Version(Entry(f"{name}-1", name, title=f"{name} rent")) for name in IDS}
        self.by_hand: set[str] = set()
        """Records that a person has edited in Intacct since they were posted."""
        self.keyed: set[str] = set()
        """Records that a load by their key has found posted, or posted."""
        self.numbered_again: set[str] = set()
        """Records whose number was corrected: from then on only their key knows them."""
        self.taken_back: set[str] = set()
        """The company's records that an undo has reversed."""

    def teardown(self) -> None:
        assert self.emulator.incidents == []
        self.emulator.close()
        self.folder.cleanup()

    # --- the source

    def _correct(self, name: str, **values: str) -> None:
        version = self.source[name]
        self.source[name] = replace(version, entry=replace(version.entry, **values))

    @rule(name=st.sampled_from(IDS), day=st.sampled_from(DAYS))
    def correct_the_date(self, name: str, day: str) -> None:
        self._correct(name, day=day)

    @rule(name=st.sampled_from(IDS), amount=st.sampled_from("567"))
    def correct_the_amount(self, name: str, amount: str) -> None:
        self._correct(name, amount=amount)

    @rule(name=st.sampled_from(IDS), text=st.sampled_from(("rent", "rents")))
    def correct_the_title(self, name: str, text: str) -> None:
        self._correct(name, title=f"{name} {text}")

    @rule(name=st.sampled_from(IDS), number=st.sampled_from("123"))
    def correct_the_number(self, name: str, number: str) -> None:
        if name in self.keyed:
            self.numbered_again.add(name)
            self._correct(name, reference=f"{name}-{number}")

    @rule(name=st.sampled_from(IDS), state=st.sampled_from((LIVE, LIVE, DRAFT, VOID)))
    def set_the_state(self, name: str, state: str) -> None:
        self.source[name] = replace(self.source[name], state=state)

    # --- the company

    @rule(name=st.sampled_from(IDS))
    def edit_by_hand(self, name: str) -> None:
        for row in self._live(name):
            with client(self.emulator) as gateway:
                gateway.update("GLBATCH", [{"RECORDNO": row["RECORDNO"], "BATCH_TITLE": f"{name} by hand"}])
            self.by_hand.add(name)

    # --- the machine that loads

    @rule(
        names=st.sets(st.sampled_from(IDS), min_size=1),
        how=st.sampled_from((BY_NUMBER, BY_KEY, UPSERT)),
        killed_after=st.sampled_from((0, 0, 0, 1, 2)),
        is_cut=st.booleans(),
    )
    def load(self, names: set[str], how: str, killed_after: int, is_cut: bool) -> None:
        """Load a part of the source or all of it; the process may be killed, or the connection cut, on the way."""
        text = HEADER + "".join(self.source[name].rows for name in sorted(names))
        before = {name: len(self._live(name)) for name in names}
        how = BY_KEY if how == BY_NUMBER and names & self.numbered_again else how
        if self._loads(text, how, killed_after, is_cut=is_cut and killed_after > 0):
            for name in sorted(names):
                self._check_done(name, how)
            self.keyed |= {name for name in names if how != BY_NUMBER and self._live(name)}
        if how == UPSERT:
            self.by_hand -= {name for name in names if before[name] == 0}

    def _loads(self, text: str, how: str, killed_after: int, *, is_cut: bool) -> bool:
        """Whether the load says that all is done."""
        left = killed_after

        def step(_: str) -> None:
            nonlocal left
            left -= 1
            if left == 0 and not is_cut:
                raise KilledError

        def transport(endpoint: str, body: bytes) -> Reply:
            answer = self.emulator(endpoint, body)
            functions = [one.name for operation in decode_request(body).operations for one in operation.functions]
            if is_cut and "create" in functions:
                raise ConnectionCutError("cut", sent=True)
            return answer

        given: dict[str, Any] = {"rules": MatchRules(source_name="shop")}
        if how != BY_NUMBER:
            given["key"] = ("Id",)
        mode = Mode.UPSERT if how == UPSERT else Mode.CREATE
        with client(transport) as gateway, self.desk.outbox() as outbox:
            plan = self.desk.make(gateway, outbox, self.desk.file(text), "journal-entries", mode, **given)
            settings = LoadSettings(concurrency=1, settle=self.desk.settle)
            try:
                outcomes = list(Loader(gateway, outbox, settings, step=step).apply(plan))
            except KilledError:
                return False
        return not plan.refused and all(outcome.good for outcome in outcomes)

    @rule(name=st.sampled_from(IDS))
    def take_back(self, name: str) -> None:
        """Undo what was posted of a record."""
        numbers = {row["RECORDNO"] for row in self._live(name)}
        with client(self.emulator) as gateway, self.desk.outbox() as outbox:
            outbox.recover()
            posted = [
                entry
                for entry in outbox.entries()
                if entry.is_live and entry.receipt is not None and entry.receipt.record in numbers
            ]
            if posted:
                undo = plan_undo(gateway, outbox, posted, UndoSettings(date(2026, 11, 30)))
                if undo.plan is not None:
                    done = all(outcome.good for outcome in Loader(gateway, outbox).apply(undo.plan))
                    self.taken_back |= numbers if done and not undo.plan.refused else set()
        if not self._live(name):
            self.by_hand.discard(name)

    # --- what must hold

    def _live(self, name: str) -> list[dict[str, str]]:
        """The live records of the company that are this record of the source."""
        return [
            row
            for row in self.desk.rows("GLBATCH")
            if row["BATCH_TITLE"].startswith(name) and row["RECORDNO"] not in self.taken_back
        ]

    def _check_done(self, name: str, how: str) -> None:
        version, live = self.source[name], self._live(name)
        if version.state == VOID:
            assert live == [], f"{name} is void, and posted"
            return
        assert len(live) == 1, f"the load said that {name} was posted"
        if name in self.by_hand:
            return
        (row,) = live
        amounts = {
            f"{float(line['TRX_AMOUNT']):g}" for line in self.desk.rows("GLENTRY") if line["BATCHNO"] == row["RECORDNO"]
        }
        held = (row["REFERENCENO"], row["BATCH_DATE"], row["BATCH_TITLE"], *sorted(amounts), row["STATE"])
        wanted = (*version.held[:-1], "Posted") if row["STATE"] == "Posted" else version.held
        assert held == wanted, how  # a draft that was posted since stays posted

    @invariant()
    def each_record_is_posted_at_most_once(self) -> None:
        for name in IDS:
            assert len(self._live(name)) <= 1, f"{name} was posted twice"


def test_corrections_in_any_order() -> None:
    run_state_machine_as_test(Corrections, settings=machine_settings(30, 10))
