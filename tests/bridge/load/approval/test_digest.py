"""The digest that a person approves: any change of what is sent, or to where and how, makes another one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pytest
from msgspec import structs

from intacct_bridge.load.approval.digest import _of_existing, plan_digest
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.changes import Change
from intacct_bridge.load.plan.plan import Plan, PlannedRecord, PlanOrigin, SendOptions, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.write import Finding, Identity, Receipt, Write, WriteOperation
from intacct_bridge.load.tables.delimited import open_csv
from intacct_protocol.errors import SettingsError
from support.load.journal import journal_layout
from support.load.ledger import HEADER, Ledger, entry


@dataclass
class Entities(Ledger):
    """A company that may be signed in to by entity."""

    def entity(self, location_id: str, /) -> "Entities":
        return self


LEDGER = Entities()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    """Two new entries, and a refused one."""
    folder = tmp_path_factory.mktemp("digest")
    file = folder / "je.csv"
    file.write_text(HEADER + entry("A", "100.25") + entry("B") + entry("C").replace("6100", "9999"))
    with Outbox(folder / "outbox.sqlite3", clock=LEDGER.clock) as outbox:
        made = make_plan(open_csv(file), journal_layout(), LEDGER.gateway, outbox)
    assert [one.verdict for one in made.records] == [Verdict.CREATE, Verdict.CREATE, Verdict.REFUSED]
    yield replace(made, origin=PlanOrigin("plan", "outbox", SendOptions()))


def digest(plan: Plan) -> str:
    return plan_digest(plan, LEDGER.gateway)


def first(plan: Plan, change: Callable[[PlannedRecord], PlannedRecord], at: int = 0) -> Plan:
    records = [change(one) if place == at else one for place, one in enumerate(plan.records)]
    return replace(plan, records=tuple(records))


def written(**parts: object) -> Callable[[PlannedRecord], PlannedRecord]:
    return lambda one: replace(one, write=replace(one.write, **parts))  # type: ignore[arg-type]


def with_amount(one: PlannedRecord) -> PlannedRecord:
    lines = tuple(
        structs.replace(line, fields={**line.fields, "TRX_AMOUNT": Decimal("100.26")})
        for line in one.write.lines["ENTRIES"]
    )
    return replace(one, write=replace(one.write, lines={"ENTRIES": lines}))


def with_sides(one: PlannedRecord) -> PlannedRecord:
    lines = tuple(
        structs.replace(line, fields={**line.fields, "TR_TYPE": -int(str(line.fields["TR_TYPE"]))})
        for line in one.write.lines["ENTRIES"]
    )
    return replace(one, write=replace(one.write, lines={"ENTRIES": lines}))


def with_date(one: PlannedRecord) -> PlannedRecord:
    return replace(one, write=replace(one.write, fields={**one.write.fields, "BATCH_DATE": date(2026, 12, 1)}))


def as_action(write: Write) -> Write:
    return replace(write, operation=WriteOperation.DELETE, fields={"RECORDNO": 7}, lines={})


WARNING = Finding("duplicate", "it is already in Intacct", refuses=False)
"""With such a warning a plan is applied also where the company has got the record meanwhile."""
CHANGES: dict[str, Callable[[Plan], Plan]] = {
    "an amount": lambda plan: first(plan, with_amount),
    "the sides": lambda plan: first(plan, with_sides),
    "the date": lambda plan: first(plan, with_date),
    "the entity of a record": lambda plan: first(plan, written(entity="E2")),
    "the entity of a refused record": lambda plan: first(plan, written(entity="E2"), 2),
    "the identity": lambda plan: first(plan, written(identity=Identity("key:other", "key"))),
    "the digest of a record": lambda plan: first(plan, written(digest="other")),
    "the folder": lambda plan: first(plan, written(folder="other")),
    "the verdict": lambda plan: first(plan, lambda one: replace(one, verdict=Verdict.UNCHANGED)),
    "the existing record": lambda plan: first(plan, lambda one: replace(one, receipt=Receipt("7"))),
    "an expected old value": lambda plan: first(plan, lambda one: replace(one, changes=(Change("NAME", "a", "b"),))),
    "a fact of the existing record": lambda plan: first(plan, lambda one: replace(one, existing={"STATE": "Posted"})),
    "a duplicate that it allows": lambda plan: first(plan, lambda one: one.with_findings(WARNING)),
    "what it takes back": lambda plan: first(plan, written(undoes=4)),
    "the order": lambda plan: replace(plan, records=plan.records[::-1]),
    "a record less": lambda plan: replace(plan, records=plan.records[1:]),
    "the company": lambda plan: replace(plan, target=replace(plan.target, company="other")),
    "the entity": lambda plan: replace(plan, target=replace(plan.target, entity="E1")),
    "the environment": lambda plan: replace(plan, target=replace(plan.target, environment="sandbox")),
    "the user": lambda plan: replace(plan, target=replace(plan.target, user="other")),
    "the object": lambda plan: replace(plan, object="APBILL"),
    "the id": lambda plan: replace(plan, origin=PlanOrigin("other", "outbox", SendOptions())),
    "the outbox": lambda plan: replace(plan, origin=PlanOrigin("plan", "other", SendOptions())),
    "the batch size": lambda plan: replace(plan, origin=PlanOrigin("plan", "outbox", SendOptions(batch_size=50))),
    "atomic": lambda plan: replace(plan, origin=PlanOrigin("plan", "outbox", SendOptions(atomic=True))),
    "the need of an approval": lambda plan: replace(
        plan, origin=PlanOrigin("plan", "outbox", SendOptions(), needs_approval=True)
    ),
    "stop on error": lambda plan: replace(plan, origin=PlanOrigin("plan", "outbox", SendOptions(stop_on_error=True))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_is_sent_makes_another_digest(plan: Plan, change: str) -> None:
    assert digest(CHANGES[change](plan)) != digest(plan)


def test_the_digest_is_the_same_for_the_same_plan(plan: Plan) -> None:
    assert digest(plan) == digest(replace(plan, notes=("a note",), reads=99, source="other.csv"))
    assert len(digest(plan)) == 64


def test_the_record_of_a_doubtful_change_is_not_part_of_a_function(plan: Plan) -> None:
    """A record in doubt is sent again if it is new; a change that is in doubt is only looked for."""
    new = first(plan, lambda one: replace(one, verdict=Verdict.IN_DOUBT))
    assert digest(new) != digest(first(new, with_date))
    change = first(new, lambda one: replace(one, write=as_action(one.write)))
    assert digest(change) == digest(first(change, written(fields={"RECORDNO": 8})))


def test_what_a_record_is_for_is_part_of_actions_deletes_and_undos_only(plan: Plan) -> None:
    """Pinned: the digests of saved plans without any of these must stay."""
    (record, *_) = plan.records
    assert list(_of_existing(record)) == []
    undo = replace(record, write=replace(record.write, undoes=5))
    assert list(_of_existing(undo)) == [(record.write.label, 5)]
    assert list(_of_existing(replace(record, existing={"B": "2", "A": "1"}))) == [[("A", "1"), ("B", "2")]]


def test_a_plan_without_an_id_cannot_be_approved(plan: Plan) -> None:
    with pytest.raises(SettingsError, match="cannot be approved"):
        digest(replace(plan, origin=None))
