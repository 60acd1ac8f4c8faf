"""People correct a source, load it, edit Intacct by hand and kill loads, in any order: each record is posted once."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

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

from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.plan.plan import MatchRules, Mode
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.corrections import Entry, Payment, bill, bills_file, payments_file
from support.journeys.objects import VENDORS, LoadScenario
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


class Loads(RuleBasedStateMachine):
    """A machine that loads documents, and a company. The outbox is a file, or in a database."""

    def __init__(self, place: PostgresPlace | None = None) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.emulator = company(self.clock)
        self.desk = LoadScenario(
            Path(self.folder.name),
            self.emulator,
            settle=SettleSettings(timedelta(0)),
            place=place,
            outbox_clock=None if place is None else lambda: self.clock.now,
        )
        self.taken_back: set[str] = set()
        """The company's records that an undo has reversed."""

    def teardown(self) -> None:
        assert self.emulator.incidents == []
        self.emulator.close()
        self.folder.cleanup()

    layout = "journal-entries"

    def run(self, text: str, mode: Mode, killed_after: int, *, is_cut: bool, **options: Any) -> bool:
        """Whether a load says that all is done; its process may be killed, or its connection cut."""
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

        with client(transport) as gateway, self.desk.outbox() as outbox:
            plan = self.desk.make(gateway, outbox, self.desk.file(text), self.layout, mode, **options)
            settings = LoadSettings(concurrency=1, settle=self.desk.settle)
            try:
                outcomes = list(Loader(gateway, outbox, settings, step=step).apply(plan))
            except KilledError:
                self.clock.forward(hours=1)  # a database cannot tell how a loader ended, so that others wait
                return False
        return not plan.refused and all(outcome.good for outcome in outcomes)

    def undo(self, numbers: set[str]) -> None:
        """Take these records of the company back, as far as they are ours."""
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


class Corrections(Loads):
    """A source of three journal entries, which have a key and a number each."""

    def __init__(self, place: PostgresPlace | None = None) -> None:
        super().__init__(place)
        self.source = {name: Version(Entry(f"{name}-1", name, title=f"{name} rent")) for name in IDS}
        self.by_hand: set[str] = set()
        """Records that a person has edited in Intacct since they were posted."""
        self.keyed: set[str] = set()
        """Records that a load by their key has found posted, or posted."""
        self.numbered_again: set[str] = set()
        """Records whose number was corrected: from then on only their key knows them."""

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
        for row in self.live(name):
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
        before = {name: len(self.live(name)) for name in names}
        how = BY_KEY if how == BY_NUMBER and names & self.numbered_again else how
        options: dict[str, Any] = {"rules": MatchRules(source_name="shop")}
        if how != BY_NUMBER:
            options["key"] = ("Id",)
        mode = Mode.UPSERT if how == UPSERT else Mode.CREATE
        if self.run(text, mode, killed_after, is_cut=is_cut and killed_after > 0, **options):
            for name in sorted(names):
                self._check_done(name, how)
            self.keyed |= {name for name in names if how != BY_NUMBER and self.live(name)}
        if how == UPSERT:
            self.by_hand -= {name for name in names if before[name] == 0}

    @rule(name=st.sampled_from(IDS))
    def take_back(self, name: str) -> None:
        """Undo what was posted of a record."""
        self.undo({row["RECORDNO"] for row in self.live(name)})
        if not self.live(name):
            self.by_hand.discard(name)

    # --- what must hold

    def live(self, name: str) -> list[dict[str, str]]:
        """The live records of the company that are this record of the source."""
        return [
            row
            for row in self.desk.rows("GLBATCH")
            if row["BATCH_TITLE"].startswith(name) and row["RECORDNO"] not in self.taken_back
        ]

    def _check_done(self, name: str, how: str) -> None:
        version, live = self.source[name], self.live(name)
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
            assert len(self.live(name)) <= 1, f"{name} was posted twice"


AMOUNTS = ("5", "6", "7")
"""The payments of a source without keys and numbers differ in these alone, and several may say the same."""


class Cumulative(Loads):
    """A source of payments without keys and numbers. It only grows, and is loaded as a whole or in part."""

    layout = "payments"

    def __init__(self, place: PostgresPlace | None = None) -> None:
        super().__init__(place)
        self.source: list[str] = []
        self.loaded: set[int] = set()
        """The places of the records that loads said to be posted."""
        self.inputs: list[Counter[str]] = []
        """What each load has posted."""
        for text, layout in ((VENDORS, "VENDOR"), (bills_file(bill(amount="5000")), "bills")):
            assert all(outcome.good for outcome in self.desk.load(text, layout))

    @initialize(amounts=st.lists(st.sampled_from(AMOUNTS), min_size=3, max_size=4))
    def load_the_first_records(self, amounts: list[str]) -> None:
        self.source += amounts
        self._load("all")

    @rule(
        amounts=st.lists(st.sampled_from(AMOUNTS), min_size=1, max_size=3),
        part=st.sampled_from(("none", "all", "the last ones")),
    )
    def grow(self, amounts: list[str], part: str) -> None:
        """The source grows, and is loaded at once, if it is."""
        self.source += amounts
        if part != "none":
            self._load(part)

    @rule(
        part=st.sampled_from(("all", "all", "the last ones", "the last ones", "every second one")),
        killed_after=st.sampled_from((0, 0, 0, 1, 2, 3)),
        is_cut=st.booleans(),
        again=st.booleans(),
    )
    def load(self, part: str, killed_after: int, is_cut: bool, again: bool) -> None:
        """Load the source or a part of it; the process may be killed, or the connection cut, on the way."""
        self._load(part, killed_after, is_cut=is_cut, again=again)

    def _load(self, part: str, killed_after: int = 0, *, is_cut: bool = False, again: bool = False) -> None:
        every = range(len(self.source))
        places = {"all": every, "the last ones": every[-2:]}.get(part, every[::2])
        amounts, before = [self.source[at] for at in places], self._held()
        text = payments_file(Payment(amount=amount, number="") for amount in amounts)
        is_done = self.run(text, Mode.CREATE, killed_after, is_cut=is_cut and killed_after > 0) if amounts else False
        held, repeats = self._held(), any(posted <= Counter(amounts) for posted in self.inputs)
        self.inputs += filter(None, [held - before])
        for amount, times in Counter(amounts).items() if is_done else ():
            assert held[amount] >= times, f"the load said that {amount} was paid {times} times"
        if is_done and not repeats:  # else it may be an earlier input that comes again
            self.loaded |= set(places)
        missing = Counter(self.source[at] for at in self.loaded) - held
        assert not missing, f"loads said that these were posted: {missing}"
        if again and is_done:
            assert self.run(text, Mode.CREATE, 0, is_cut=False), "what was loaded is still loaded"
            assert self._held() == held

    @precondition(lambda self: self._live())
    @rule(at=st.integers(0, 9))
    def take_back(self, at: int) -> None:
        if live := self._live():
            payment = live[at % len(live)]
            self.undo({payment["RECORDNO"]})
            amount = Counter([f"{float(payment['TRX_TOTALENTERED']):g}"])
            self.inputs = [*filter(None, (posted - amount for posted in self.inputs))]
            self.loaded.clear()

    def _live(self) -> list[dict[str, str]]:
        """The payments of the company, without the opposites that taking them back has left."""
        payments = (row for row in self.desk.rows("APPYMT") if not row["TRX_TOTALENTERED"].startswith("-"))
        return [row for row in payments if row["RECORDNO"] not in self.taken_back]

    def _held(self) -> Counter[str]:
        """How often the company has a payment of each amount."""
        return Counter(f"{float(row['TRX_TOTALENTERED']):g}" for row in self._live())

    @invariant()
    def no_record_is_posted_twice(self) -> None:
        twice = self._held() - Counter(self.source)
        assert not twice, f"the source has these less often: {twice}"


@pytest.mark.parametrize(("machine", "examples"), [(Corrections, 30), (Cumulative, 12)])
def test_loads_in_any_order(machine: type[Loads], examples: int) -> None:
    run_state_machine_as_test(machine, settings=machine_settings(examples, 10))


@pytest.mark.parametrize(("machine", "examples"), [(Corrections, 10), (Cumulative, 5)])
def test_loads_in_any_order_with_an_outbox_in_a_database(
    machine: Callable[[PostgresPlace], Loads], examples: int, schemas: Iterator[PostgresPlace]
) -> None:
    factory: Any = lambda: machine(next(schemas))  # noqa: E731 - the library's types ask for a class
    run_state_machine_as_test(factory, settings=machine_settings(examples, 8))
