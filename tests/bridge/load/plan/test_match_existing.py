"""Records matched with the company's: which is updated, deleted, created or refused, when planned and when applied."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.changes import Change, differences
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.match_existing import IdentifyByKey, MatchExisting, RecheckExisting, _Comparison
from intacct_bridge.load.plan.plan import Mode, PlannedRecord, PlanSettings, Verdict
from intacct_bridge.load.records.identity import content_digest, existing_identity
from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Finding, Identity, Receipt, RecordLine, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.current_records import CurrentRecord, Locator
from intacct_bridge.load.target.writable import LineSet, WritableObject
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.xml.values import Kind, Value

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CREATE, UPDATE, DELETE = WriteOperation.CREATE, WriteOperation.UPDATE, WriteOperation.DELETE
BILL = WritableObject(
    object_def("APBILL", [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("NAME", Kind.TEXT)]),
    (LineSet("APBILLITEMS", "APBILLITEM", object_def("APBILLITEM", [FieldDef("AMOUNT", Kind.CURRENCY)]), {}),),
    LookupKeys("APBILL", keys=(("VENDORID", "RECORDID"),)), None, "create",
)  # fmt: skip
KEY = ("VENDORID", "RECORDID")
FIELDS: dict[str, Value] = {"VENDORID": "V-1", "RECORDID": "B-1", "NAME": "new"}
ROW = SourceRow("b.csv", 2, {})


def write(operation: WriteOperation = UPDATE, **fields: Any) -> Write:
    held = {**FIELDS, **fields}
    return Write(operation, "APBILL", held, existing_identity(held, KEY), "d", "bill B-1", (ROW,))


def planned(verdict: Verdict = Verdict.UPDATE, operation: WriteOperation = UPDATE, **more: Any) -> PlannedRecord:
    return replace(PlannedRecord(write(operation), verdict), **more)


def current(record: str = "77", **row: Any) -> CurrentRecord:
    return CurrentRecord(record, {"RECORDNO": int(record), **FIELDS, "NAME": "old", **row})


def entry(status: RecordStatus, operation: WriteOperation = UPDATE) -> OutboxEntry:
    target = SimpleNamespace(operation=operation)
    return cast("OutboxEntry", SimpleNamespace(status=status, target=target, receipt=Receipt("9"), sent_at=NOW))


def matching(mode: Mode) -> MatchExisting:
    step = MatchExisting.__new__(MatchExisting)
    step._mode, step._match, step._writable, step._source_name = mode, (), BILL, ""
    return step


# --- planning


def test_a_delete_does_not_count_the_files_of_its_input() -> None:
    settings = PlanSettings(mode=Mode.DELETE)
    step = IdentifyByKey(cast("PlanContext", SimpleNamespace(settings=settings, describe=lambda: BILL)))
    with_files = replace(write(CREATE), attachments=("a.pdf",), folder="F")
    (found,) = step([PlannedRecord(with_files, Verdict.CREATE)])
    assert (found.write.attachments, found.write.folder, found.verdict) == ((), "", Verdict.DELETE)
    assert found.write.digest == content_digest("APBILL", FIELDS, {})
    (same,) = step([PlannedRecord(write(CREATE), Verdict.CREATE)])
    assert same.write.digest == "d"
    updating = IdentifyByKey(cast("PlanContext", SimpleNamespace(settings=PlanSettings(mode=Mode.UPDATE),
                                                                 describe=lambda: BILL)))  # fmt: skip
    (kept,) = updating([PlannedRecord(with_files, Verdict.CREATE)])
    assert (kept.write.attachments, kept.write.digest) == (("a.pdf",), "d")


def test_an_upsert_by_its_own_key_keeps_the_identity_of_a_new_record() -> None:
    """By another key, or a record number, it is known by that."""

    def identified(fields: dict[str, Value], match: tuple[str, ...] = ()) -> str:
        context = SimpleNamespace(settings=PlanSettings(mode=Mode.UPSERT, match=match), describe=lambda: BILL)
        (found,) = IdentifyByKey(cast("PlanContext", context))(
            [PlannedRecord(replace(write(CREATE), fields=fields, identity=Identity("new", "key")), Verdict.CREATE)]
        )
        return found.write.identity.text

    assert identified(FIELDS) == "new"
    assert identified({**FIELDS, "RECORDNO": 7}) == "RECORDNO=7"
    assert identified(FIELDS, KEY) == "VENDORID=V-1 RECORDID=B-1"


@pytest.mark.parametrize(
    ("mode", "names", "found", "verdict", "rule", "fix"),
    [
        (Mode.UPDATE, (), [current()], Verdict.UPDATE, "", ""),  # refused before: it passes as it is
        (Mode.UPDATE, KEY, [], Verdict.REFUSED, "missing", "check it"),
        (Mode.DELETE, KEY, [], Verdict.REFUSED, "missing", "check it"),
        (Mode.UPSERT, KEY, [], Verdict.UPDATE, "", ""),  # a new record
        (Mode.UPSERT, ("RECORDNO",), [], Verdict.REFUSED, "missing", "check it"),
        (Mode.UPSERT, KEY, [current("7"), current("8")], Verdict.REFUSED, "key", "give the RECORDNO"),
        (Mode.UPDATE, KEY, [current(str(at)) for at in range(1, 8)], Verdict.REFUSED, "key", "give the RECORDNO"),
    ],
)
def test_a_record_has_one_match_or_is_refused(
    mode: Mode, names: tuple[str, ...], found: list[CurrentRecord], verdict: Verdict, rule: str, fix: str
) -> None:
    record = replace(planned(), write=replace(write(RECORDNO=77), columns={"VENDORID": "Vendor"}))
    decided = matching(mode)._match_one(record, names, found).or_refused()
    assert decided.verdict is verdict
    if not rule:
        assert decided == record
        return
    (finding,) = decided.findings
    column = "Vendor" if names == KEY else "RECORDNO"
    assert (finding.rule, finding.fix, finding.column, finding.position) == (rule, fix, column, "b.csv:2")
    shown = "RECORDNO '77'" if names != KEY else "VENDORID 'V-1' RECORDID 'B-1'"
    assert shown in finding.message
    numbers = ", ".join(one.record for one in found[:5])
    assert not found or finding.message.endswith(f"(record numbers {numbers})")


@pytest.mark.parametrize(
    ("mode", "row", "operation", "verdict", "fields"),
    [
        (Mode.UPDATE, {}, UPDATE, Verdict.UPDATE, {"RECORDNO": 77, "NAME": "new"}),
        (Mode.UPSERT, {}, UPDATE, Verdict.UPDATE, {"RECORDNO": 77, "NAME": "new"}),
        (Mode.UPDATE, {"NAME": "new"}, UPDATE, Verdict.UNCHANGED, {"RECORDNO": 77}),
        (Mode.DELETE, {}, DELETE, Verdict.DELETE, {"RECORDNO": 77}),
    ],
)
def test_an_existing_record_is_updated_deleted_or_left(
    mode: Mode, row: dict[str, Any], operation: WriteOperation, verdict: Verdict, fields: dict[str, Any]
) -> None:
    there = current(**row, WHENMODIFIED=NOW)
    decided = matching(mode)._match_one(planned(), KEY, [there])
    assert (decided.write.operation, decided.verdict, decided.write.fields) == (operation, verdict, fields)
    assert decided.receipt == Receipt("77")
    assert bool(decided.changes) == (verdict is Verdict.UPDATE)
    assert decided.existing == (there.facts if mode is Mode.DELETE else {})
    filled = replace(planned(), write=replace(write(), only_new=frozenset({"NAME"})))
    if mode is not Mode.DELETE:  # what only the layout fills in is no change
        assert matching(mode)._match_one(filled, KEY, [there]).verdict is Verdict.UNCHANGED


def test_a_locked_record_is_refused_for_what_would_change_it() -> None:
    step = matching(Mode.UPDATE)
    step._writable = replace(BILL, lookup=replace(BILL.lookup, locked_states=("Paid",)))
    paid = current(STATE="Paid")
    assert [one.refuses for one in step._match_one(planned(), KEY, [paid]).findings] == [False]
    assert not step._match_one(planned(), KEY, [current(STATE="Paid", NAME="new")]).findings
    step._mode = Mode.DELETE
    assert [one.refuses for one in step._match_one(planned(), KEY, [paid]).findings] == [True]


@pytest.mark.parametrize("doubtful", [RecordStatus.SENT, RecordStatus.IN_DOUBT])
def test_a_record_in_doubt_is_judged_by_its_entry(doubtful: RecordStatus) -> None:
    record, match = planned(), replace(planned(), write=write(NAME="match"), receipt=Receipt("77"))
    step = matching(Mode.UPDATE)
    as_in_input, as_matched = entry(doubtful), entry(doubtful)
    assert step._decided(record, as_in_input, match, as_matched) == (record, as_in_input)
    assert step._decided(record, entry(RecordStatus.APPLIED), match, as_matched) == (
        replace(record, write=match.write), as_matched,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "operation", "unchanged"),
    [
        (RecordStatus.APPLIED, DELETE, True),
        (RecordStatus.REJECTED, DELETE, False),
        (RecordStatus.APPLIED, UPDATE, False),
    ],
)
def test_a_missing_record_that_we_deleted_is_done(
    status: RecordStatus, operation: WriteOperation, unchanged: bool
) -> None:
    record = planned(Verdict.DELETE, DELETE)
    refused = replace(record, verdict=Verdict.REFUSED, findings=(Finding("missing", "m", "f", "", ""),))
    step = matching(Mode.DELETE)
    for given, matched in ((entry(status, operation), None), (entry(RecordStatus.REJECTED), entry(status, operation))):
        decided, left = step._decided(record, given, refused, matched)
        assert left is None
        assert decided.verdict is (Verdict.UNCHANGED if unchanged else Verdict.REFUSED)
        assert (decided.receipt, decided.since) == ((Receipt("9"), NOW) if unchanged else (None, None))
    unknown, _ = step._decided(record, None, refused, None)
    assert unknown.verdict is Verdict.REFUSED
    there = replace(refused, receipt=Receipt("77"), changes=(Change("NAME", "a", "b"),))
    decided, _ = step._decided(record, entry(status, operation), there, None)
    assert (decided.verdict, decided.receipt, decided.changes) == (Verdict.REFUSED, None, ())


def test_a_match_is_judged_by_the_company_and_a_new_record_by_the_outbox() -> None:
    step, record = matching(Mode.UPSERT), planned()
    given, newer = entry(RecordStatus.APPLIED), entry(RecordStatus.REJECTED)
    existing = replace(record, receipt=Receipt("77"))
    assert step._decided(record, given, existing, newer) == (existing, None)
    assert step._decided(record, given, record, newer) == (record, newer)
    assert step._decided(record, given, record, None) == (record, given)


def test_a_record_that_is_refused_already_is_not_looked_for() -> None:
    step, asked = matching(Mode.UPDATE), list[str]()

    def locate(wanted: Sequence[tuple[Write, Any]], **_: Any) -> list[list[CurrentRecord]]:
        asked.extend(str(one.fields["RECORDID"]) for one, _ in wanted)
        return [[current()] for _ in wanted]

    step._locator = cast("Locator", SimpleNamespace(locate=locate))
    step._context = cast("PlanContext", SimpleNamespace(taken_back=lambda records: set()))
    refused = replace(planned(), write=write(RECORDID="B-2"), findings=(Finding("date", "m", "f", "", ""),))
    without_key = replace(planned(), write=write(RECORDID=None))
    found = step._matched([refused, planned(), without_key])
    assert asked == ["B-1"]
    assert [one.receipt for one in found] == [None, Receipt("77"), None]
    assert (found[0].write, found[0].verdict) == (refused.write, Verdict.REFUSED)


# --- applying a saved plan


def recheck() -> RecheckExisting:
    step = RecheckExisting.__new__(RecheckExisting)
    step._writable = BILL
    return step


def kept(operation: WriteOperation, *changes: Change, **existing: str) -> PlannedRecord:
    one = replace(write(operation), fields={"RECORDNO": 77, "NAME": "new"})
    return PlannedRecord(
        replace(one, input_content=write().content), Verdict(operation.value), changes=changes, existing=existing
    )


RENAMED, OTHERWISE = Change("NAME", "old", "new"), Change("NAME", "other", "new")
GONE = Change("RECORDNO", "77", "")
MOVED = (Finding("moved", "m", "f", "", ""),)


@pytest.mark.parametrize(
    ("record", "now", "left", "moved"),
    [
        (kept(UPDATE, RENAMED), current(), [RENAMED], []),
        (kept(UPDATE, RENAMED), current(NAME="new"), [], []),
        (kept(UPDATE, RENAMED), current(NAME="other"), [OTHERWISE], ["NAME of bill B-1 is 'other' now"]),
        (kept(UPDATE), current(NAME="other"), [OTHERWISE], ["NAME of bill B-1 is 'other' now"]),
        (kept(UPDATE, RENAMED), None, [], ["bill B-1 no longer exists in Intacct"]),
        (kept(DELETE), None, [], ["bill B-1 no longer exists in Intacct"]),
        (kept(UPDATE, RENAMED), current(RECORDID="B-2"), [], ["APBILL 77 is not bill B-1"]),
        (kept(DELETE), current(VENDORID="V-2"), [], ["APBILL 77 is not bill B-1"]),
        (kept(UPDATE, RENAMED), CurrentRecord("77", {"RECORDNO": 77, "NAME": "old"}), [RENAMED], []),  # a hidden key
        (kept(DELETE), current(), [GONE], []),
        (kept(DELETE, NAME="old"), current(), [GONE], []),
        (kept(DELETE, NAME="seen"), current(), [GONE], ["bill B-1: NAME was seen, and is old now"]),
    ],
)  # fmt: skip
def test_a_kept_change_is_compared_with_the_record_as_it_is_now(
    record: PlannedRecord, now: CurrentRecord | None, left: list[Change], moved: list[str]
) -> None:
    given = replace(record.write, fields={**FIELDS, **record.write.fields})
    found, findings = recheck()._remaining_changes(record, given, now)
    assert (list(found), [one.message for one in findings]) == (left, moved)
    assert all((one.rule, one.fix, one.position) == ("moved", "make a new plan", "b.csv:2") for one in findings)


@pytest.mark.parametrize(
    ("verdict", "given", "compared", "decided"),
    [
        (Verdict.UPDATE, None, _Comparison((RENAMED,), (), current()), Verdict.UPDATE),
        (Verdict.UPDATE, None, _Comparison(), Verdict.UNCHANGED),
        (Verdict.UPDATE, entry(RecordStatus.IN_DOUBT), _Comparison((RENAMED,)), Verdict.IN_DOUBT),
        (Verdict.IN_DOUBT, entry(RecordStatus.APPLIED), _Comparison((RENAMED,)), Verdict.IN_DOUBT),
        (Verdict.UPDATE, None, _Comparison((RENAMED,), MOVED), Verdict.REFUSED),
        (Verdict.UPDATE, entry(RecordStatus.APPLIED), _Comparison((), MOVED), Verdict.REFUSED),
        (Verdict.DELETE, entry(RecordStatus.APPLIED, DELETE), _Comparison((), MOVED),
         Verdict.UNCHANGED),  # our own delete
        (Verdict.DELETE, entry(RecordStatus.REJECTED, DELETE), _Comparison((), MOVED),
         Verdict.REFUSED),
        (Verdict.DELETE, entry(RecordStatus.APPLIED, DELETE), _Comparison((RENAMED,)), Verdict.DELETE),
        (Verdict.DELETE, None, _Comparison((GONE,), (), current()), Verdict.DELETE),
    ],
)  # fmt: skip
def test_a_kept_record_is_applied_left_or_refused(
    verdict: Verdict, given: OutboxEntry | None, compared: _Comparison, decided: Verdict
) -> None:
    operation = DELETE if verdict is Verdict.DELETE else UPDATE
    as_kept = replace(kept(operation, RENAMED), verdict=verdict, receipt=Receipt("77"))
    record = replace(as_kept, verdict=Verdict(operation.value))
    if given is not None:
        given = cast("OutboxEntry", SimpleNamespace(**{**vars(given), "digest": "d", "totals": ()}))
    found = recheck()._decided(record, as_kept, given, compared)
    assert found.verdict is decided
    if compared.current is not None:
        assert found.write.earlier == ({"RECORDNO": 77, "NAME": "old"} if operation is UPDATE else None)
        assert found.changes == compared.left
    if decided is Verdict.IN_DOUBT and verdict is Verdict.UPDATE:
        assert (found.receipt, found.changes, found.since) == (Receipt("9"), (), NOW)
    if decided is Verdict.UNCHANGED:
        assert found.receipt == Receipt("77")


class Comparing(RecheckExisting):
    """A step to which the company shows each record with another name than the plan has seen."""

    def _compared(self, records: Sequence[PlannedRecord]) -> list[_Comparison]:
        return [_Comparison((Change("NAME", f"of {one.write.label}", "new"),), (), current()) for one in records]


def test_each_open_record_is_compared_with_its_own_existing_record() -> None:
    step = Comparing.__new__(Comparing)
    step._writable = BILL
    labels = {"a": Verdict.IN_DOUBT, "b": Verdict.UPDATE, "c": Verdict.REFUSED, "d": Verdict.UPDATE}
    records = [replace(planned(one), write=replace(write(), label=label)) for label, one in labels.items()]
    step._planned = records
    step._context = cast("PlanContext", SimpleNamespace(entries=lambda writes: [None for _ in writes]))
    changes = {one.write.label: [change.before for change in one.changes] for one in step(records)}
    assert (changes["b"], changes["d"]) == (["of b"], ["of d"])


def test_lines_of_a_kept_update_are_compared_too() -> None:
    lines = (RecordLine("APBILLITEM", {"AMOUNT": Decimal(5)}, ROW),)
    one = replace(kept(UPDATE), write=replace(kept(UPDATE).write, lines={"APBILLITEMS": lines}))
    same = CurrentRecord("77", current(NAME="new").row, {"APBILLITEMS": ({"AMOUNT": Decimal(5)},)})
    assert recheck()._remaining_changes(one, one.write, same) == ((), ())
    other = replace(same, lines={"APBILLITEMS": ({"AMOUNT": Decimal(6)},)})
    (change,), (finding,) = recheck()._remaining_changes(one, one.write, other)
    assert (change.name, finding.column) == ("APBILLITEMS", "APBILLITEMS")


def test_lines_that_differ_in_something_else_than_their_amount_are_not_as_planned() -> None:
    """The company's line has the number and amount that the plan has seen, and another memo."""
    line: dict[str, Value] = {"AMOUNT": Decimal(5), "MEMO": "ours"}
    memo = object_def("APBILLITEM", [FieldDef("AMOUNT", Kind.CURRENCY), FieldDef("MEMO", Kind.TEXT)])
    step = recheck()
    step._writable = replace(BILL, lines=(replace(BILL.lines[0], described=memo),))
    update = replace(kept(UPDATE).write, lines={"APBILLITEMS": (RecordLine("APBILLITEM", line, ROW),)})
    there = [
        CurrentRecord("77", current(NAME="new").row, {"APBILLITEMS": ({"AMOUNT": Decimal(5), "MEMO": text},)})
        for text in ("seen", "theirs")
    ]
    changes = differences(update, there[0], step._writable, ())
    one = replace(kept(UPDATE, *changes), write=update)
    assert step._remaining_changes(one, update, there[0])[1] == ()
    (finding,) = step._remaining_changes(one, update, there[1])[1]
    assert finding.message == "bill B-1 has other lines in APBILLITEMS now"
    assert not changes[0].is_as_planned(None)
