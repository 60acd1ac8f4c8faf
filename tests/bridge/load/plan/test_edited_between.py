"""Saved plans in a company that people edit between plan and apply: any order of plans, edits and applies.

The model has the vendors as they should be. A saved plan is applied whole, or not at all. It never overwrites, deletes
or doubles what a person did since the plan was made.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.layouts.native import NativeLayout
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Mode, Plan, PlanSettings, Verdict
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.plan.planner import make_plan, revalidate_plan
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.writable import writable_object
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import IntacctError
from support.shared_files import roomy_folder
from support.small_company import Clock, client, company
from support.state_machines import machine_settings

IDS = st.sampled_from(("V-A", "V-B"))
TEXTS = st.sampled_from(("one", "two", "three"))
ROWS = st.dictionaries(IDS, st.fixed_dictionaries({"NAME": TEXTS}, optional={"COMMENTS": TEXTS}), min_size=1)


@dataclass(frozen=True)
class Vendor:
    """A vendor as it should be; a new record or an edit has a version of its own."""

    record: int
    version: int
    fields: Mapping[str, str]


@cache
def _company() -> Emulator:
    return company(Clock())


class EditedBetween(RuleBasedStateMachine):
    """A user with a saved plan, and another person in the same company."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=roomy_folder())
        self.clock = Clock()
        self.emulator = _company().clone(clock=self.clock)
        self.person, self.user = client(self.emulator), client(self.emulator)
        self.outbox = Outbox(Path(self.folder.name) / "outbox.sqlite3", clock=lambda: self.clock.now)
        self.path = Path(self.folder.name) / "plan.json"
        self.vendors: dict[str, Vendor] = {}
        self.seen: dict[str, Vendor] = {}
        """The vendors when the plan was made."""
        self.plan: Plan | None = None
        self.rows: dict[str, dict[str, str]] = {}
        self.mode = Mode.CREATE
        self.made = 0

    def teardown(self) -> None:
        self.outbox.close()
        self.person.close()
        self.user.close()
        assert self.emulator.incidents == []
        self.emulator.close()
        self.folder.cleanup()

    def _next(self) -> int:
        self.clock.forward(seconds=2)
        self.made += 1
        return self.made

    # --- the other person

    @rule(name=IDS, text=TEXTS)
    def a_person_creates(self, name: str, text: str) -> None:
        number = self._next()
        (done,) = self.person.create("VENDOR", [_row(name, {"NAME": text})])
        assert done.ok == (name not in self.vendors), done.faults
        if done.ok:
            self.vendors[name] = Vendor(number, number, {"NAME": text, "COMMENTS": ""})

    @rule(name=IDS, field=st.sampled_from(("NAME", "COMMENTS")), text=TEXTS)
    def a_person_edits(self, name: str, field: str, text: str) -> None:
        if name in self.vendors:
            number = self._next()
            assert self.person.update("VENDOR", [{"VENDORID": name, field: text}])[0].ok
            vendor = self.vendors[name]
            self.vendors[name] = replace(vendor, version=number, fields={**vendor.fields, field: text})

    @rule(name=IDS)
    def a_person_deletes(self, name: str) -> None:
        if name in self.vendors:
            self._next()
            (row,) = self.person.query("VENDOR", ["RECORDNO"], where=f"VENDORID = '{name}'")
            assert self.person.delete("VENDOR", [str(row["RECORDNO"])])[0].ok
            del self.vendors[name]

    @precondition(lambda self: self.plan is not None)
    @rule(field=st.sampled_from(("NAME", "COMMENTS")), text=TEXTS, deletes=st.booleans())
    def a_person_does_something_to_a_planned_vendor(self, field: str, text: str, deletes: bool) -> None:
        """The case that matters, more often than chance has it."""
        name = next(iter(self.rows))
        if name not in self.vendors:
            self.a_person_creates(name, text)
        elif deletes:
            self.a_person_deletes(name)
        else:
            self.a_person_edits(name, field, text)

    # --- the user

    @rule(rows=ROWS, mode=st.sampled_from(Mode))
    def plan_is_made_and_kept(self, rows: dict[str, dict[str, str]], mode: Mode) -> None:
        self.rows, self.mode, self.seen = rows, mode, dict(self.vendors)
        cells = [_row(name, row) if mode is not Mode.DELETE else {"VENDORID": name} for name, row in rows.items()]
        made = [SourceRow("input", number, one) for number, one in enumerate(cells, 1)]
        columns = tuple(dict.fromkeys(name for one in cells for name in one))
        table = InputTable(Path("input"), columns, lambda: iter(made), "jsonl")
        gateway = self.user
        layout = NativeLayout(writable_object(gateway, "VENDOR"))
        save_plan(make_plan(table, layout, gateway, self.outbox, PlanSettings(mode=mode)), self.path)
        self.plan = open_plan(self.path)

    @precondition(lambda self: self.plan is not None)
    @rule()
    def the_saved_plan_is_applied(self) -> None:
        self._next()
        gateway, before = self.user, self._there()
        assert self.plan is not None
        planned = {name: self._verdict(name) for name in self.rows}
        try:
            now = revalidate_plan(self.plan, gateway, self.outbox)
        except IntacctError as error:
            assert any(self.seen.get(name) != self.vendors.get(name) for name in planned), error
            assert self._there() == before
        else:
            done = list(Loader(gateway, self.outbox, LoadSettings(concurrency=1)).apply(now))
            assert all(outcome.good for outcome in done), done
            self._expect(planned)
        self.plan = None

    def _expect(self, planned: Mapping[str, Verdict]) -> None:
        """The model after the plan was applied; nothing in it may be what a person has changed since."""
        for name, verdict in planned.items():
            before, now = self.seen.get(name), self.vendors.get(name)
            if verdict is Verdict.CREATE:
                assert now is None, "a vendor that a person created was doubled"
                self.vendors[name] = Vendor(self.made, self.made, {"COMMENTS": "", **self.rows[name]})
            elif verdict is Verdict.DELETE:
                assert now == before, "a vendor that a person edited was deleted"
                del self.vendors[name]
            elif verdict is Verdict.UPDATE:
                assert now is not None
                assert before is not None
                assert now.record == before.record, "another vendor of the same name was updated"
                for field, text in self.rows[name].items():
                    assert now.fields[field] in (before.fields[field], text), "a person's edit was overwritten"
                version = self._next() if {**now.fields, **self.rows[name]} != now.fields else now.version
                self.vendors[name] = replace(now, version=version, fields={**now.fields, **self.rows[name]})

    def _verdict(self, name: str) -> Verdict:
        """The plan's verdict on a vendor; its records are in the order of the input."""
        assert self.plan is not None
        return self.plan.records[list(self.rows).index(name)].verdict

    # --- the company

    def _there(self) -> dict[str, dict[str, str]]:
        rows = [row for _, row in self.emulator.company().table("VENDOR").rows()]
        return {
            str(row["VENDORID"]): {"NAME": str(row["NAME"]), "COMMENTS": str(row.get("COMMENTS") or "")} for row in rows
        }

    @invariant()
    def the_company_has_what_was_meant(self) -> None:
        assert self._there() == {name: dict(vendor.fields) for name, vendor in self.vendors.items()}


def _row(name: str, fields: Mapping[str, str]) -> dict[str, object]:
    return {"VENDORID": name, **fields, "DISPLAYCONTACT": {"PRINTAS": name}}


TestEditedBetween = EditedBetween.TestCase
TestEditedBetween.settings = machine_settings(examples=8, steps=30)
