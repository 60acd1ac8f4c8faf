"""What an update changes: only fields that the input has, a cleared one among them, and lines as a whole."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intacct_bridge.load.plan.actions import early_day
from intacct_bridge.load.plan.changes import Change, deletion_of, differences, obstacles, same_lines, update_of
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.known_to_outbox import _to_ask_for
from intacct_bridge.load.plan.match_existing import IdentifyByKey, MatchExisting
from intacct_bridge.load.plan.plan import Mode, PlannedRecord, PlanSettings, Verdict
from intacct_bridge.load.records.identity import source_identity
from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.write import Identity, Receipt, RecordLine, Write, WriteOperation
from intacct_bridge.load.tables.source_row import EqualNumber, SourceRow
from intacct_bridge.load.target.current_records import CurrentRecord, replaced_values
from intacct_bridge.load.target.writable import LineSet, WritableObject
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.model.legacy.objects import legacy_object
from intacct_protocol.xml.values import Kind, Value

ROW = SourceRow("bills.csv", 2, {})
LINES = LineSet(
    "APBILLITEMS",
    "APBILLITEM",
    object_def("APBILLITEM", [FieldDef("AMOUNT", Kind.CURRENCY), FieldDef("MEMO", Kind.TEXT)]),
    {},
)
BILL = WritableObject(
    object_def("APBILL", [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("NAME", Kind.TEXT)]),
    (LINES,),
    LookupKeys("APBILL", keys=(("RECORDID",),), locked_states=("Paid", "Selected")),
    None,
    "create",
)
KEY = ("RECORDID",)


def write(*lines: Mapping[str, Value], given: bool = True, **fields: Any) -> Write:
    owned = tuple(RecordLine("APBILLITEM", one, ROW) for one in lines)
    held = {"APBILLITEMS": owned} if lines or not given else {}
    return Write(WriteOperation.CREATE, "APBILL", {"RECORDID": "B-1", **fields}, Identity("k", "key"), "d", "bill B-1",
                 (ROW,), held)  # fmt: skip


def current(*lines: Mapping[str, Value], **row: Any) -> CurrentRecord:
    held = {"APBILLITEMS": tuple(lines)} if lines else {}
    return CurrentRecord("77", {"RECORDID": "B-1", "RECORDNO": 77, **row}, held)


@pytest.mark.parametrize(
    ("ours", "theirs", "change"),
    [
        ({"NAME": "new"}, {"NAME": "old"}, ("NAME", "old", "new")),
        ({"NAME": "same "}, {"NAME": "same"}, None),
        ({"NAME": None}, {"NAME": "old"}, ("NAME", "old", "")),
        ({"NAME": ""}, {"NAME": None}, None),
        ({"NAME": "new"}, {"NAME": None}, ("NAME", "", "new")),
        ({"TOTAL": Decimal("10.0")}, {"TOTAL": Decimal("10.00")}, None),
        ({"TOTAL": Decimal("10.01")}, {"TOTAL": Decimal("10.00")}, ("TOTAL", "10", "10.01")),
        ({"TOTAL": Decimal("-10")}, {"TOTAL": Decimal("10")}, ("TOTAL", "10", "-10")),
        ({"TOTAL": Decimal(0)}, {"TOTAL": None}, ("TOTAL", "", "0")),
        ({"DUE": date(2026, 2, 1)}, {"DUE": date(2026, 1, 2)}, ("DUE", "2026-01-02", "2026-02-01")),
        ({"HOLD": True}, {"HOLD": False}, ("HOLD", "false", "true")),
        ({"NAME": "caf\u00e9"}, {"NAME": "cafe\u0301"}, None),
        ({"NAME": "ACME"}, {"NAME": "Acme"}, ("NAME", "Acme", "ACME")),
        ({"OTHER": "x"}, {}, None),  # the company does not show it
        ({"RECORDID": "B-2"}, {}, None),  # the key finds the record, and is not compared
        ({"RECORDNO": 5}, {}, None),
    ],
)
def test_a_field_differs_or_does_not(ours: dict[str, Any], theirs: dict[str, Any], change: Any) -> None:
    found = differences(write(**ours), current(**theirs), BILL, KEY)
    assert [(one.name, one.before, one.after) for one in found] == ([change] if change else [])


A: dict[str, Any] = {"AMOUNT": Decimal("10.00"), "MEMO": "a"}
B: dict[str, Any] = {"AMOUNT": Decimal("2.50"), "MEMO": "b"}


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ([A, B], [B, A], True),
        ([A, A], [A, A], True),
        ([A, A], [A], False),
        ([A], [A, A], False),
        ([A, B], [A, {**B, "AMOUNT": Decimal("2.51")}], False),
        ([{"AMOUNT": Decimal(10)}], [A], True),  # only the fields that the input has
        ([A], [{"AMOUNT": Decimal("10.00")}], False),
        ([], [], True),
        ([], [A], False),
    ],
)
def test_line_sets_are_compared_as_a_whole(ours: list[Any], theirs: list[Any], same: bool) -> None:
    assert same_lines(ours, theirs) == same


def test_a_changed_line_set_says_which_lines_go_and_come() -> None:
    (change,) = differences(write(A, B), current(A, {**B, "MEMO": "old"}), BILL, KEY)
    assert (change.name, change.before, change.after) == ("APBILLITEMS", "2 lines of 12.50", "2 lines of 12.50")
    assert change.lines == ("- AMOUNT 2.5, MEMO old", "+ AMOUNT 2.5, MEMO b")
    (unknown,) = differences(write(A), current(), BILL, KEY)
    assert (unknown.before, unknown.after) == ("unknown lines", "1 line")
    sided = {**A, "TR_TYPE": 1}
    bare = replace(BILL, lines=())
    (no_sum,) = differences(write(sided), current({**sided, "TR_TYPE": -1}), bare, KEY)
    assert (no_sum.before, no_sum.after) == ("1 line", "1 line")  # debits and credits are not added up


def test_parts_that_queries_do_not_return_are_not_compared() -> None:
    assert not differences(write({**A, "TAXENTRIES": "x"}), current(A), BILL, KEY)


def test_an_update_sends_what_changes_beside_the_record_number() -> None:
    bill = write(A, NAME="new", TOTAL=Decimal(1), HIDDEN="x", WHENCREATED=date(2026, 5, 1))
    there = current(A, NAME="old", TOTAL=Decimal(1), WHENCREATED=date(2026, 5, 1), WHENPOSTED=date(2026, 5, 2))
    update = update_of(bill, there, BILL, differences(bill, there, BILL, KEY))
    assert update.operation is WriteOperation.UPDATE
    assert update.fields == {"RECORDNO": 77, "NAME": "new", "HIDDEN": "x"}  # what cannot be compared is sent
    assert update.lines == {}
    assert update.unchanged == {"WHENCREATED": date(2026, 5, 1), "WHENPOSTED": date(2026, 5, 2)}
    assert update.earlier == {"NAME": "old"}
    assert update.content.fields == bill.fields
    assert replaced_values(update, there, BILL) == {"RECORDNO": 77, "NAME": "old"}  # no value of HIDDEN is shown


def test_an_update_of_lines_knows_the_lines_that_it_replaces_in_any_order() -> None:
    bill, mine = write(A, B), {"AMOUNT": Decimal(5), "MEMO": ""}
    for theirs in ((A, mine), (mine, A)):
        there = current(*theirs)
        update = update_of(bill, there, BILL, differences(bill, there, BILL, KEY))
        assert update.earlier == {"APBILLITEMS": "AMOUNT 10, MEMO a; AMOUNT 5"}


def test_a_delete_names_the_record_that_is_there_and_nothing_else() -> None:
    delete = deletion_of(write(A, RECORDNO=5), current(), BILL)
    assert (delete.operation, delete.fields, delete.lines) == (WriteOperation.DELETE, {"RECORDNO": 77}, {})


@pytest.mark.parametrize(
    ("state", "operation", "lines", "refuses"),
    [
        ("Paid", WriteOperation.DELETE, False, True),
        ("Paid", WriteOperation.UPDATE, False, False),
        ("Paid", WriteOperation.UPDATE, True, True),
        ("Posted", WriteOperation.DELETE, True, None),
        ("Posted", WriteOperation.UPDATE, True, None),
    ],
)
def test_a_locked_record_is_an_obstacle(state: str, operation: WriteOperation, lines: bool, refuses: Any) -> None:
    bill = replace(write(*([A] if lines else []), NAME="new"), operation=operation)
    there = current(*([B] if lines else []), NAME="old", STATE=state)
    changes = () if operation is WriteOperation.DELETE else differences(bill, there, BILL, KEY)
    found = obstacles(bill, there, BILL, changes)
    assert [one.refuses for one in found] == ([] if refuses is None else [refuses])
    unchanged = replace(bill, operation=WriteOperation.UPDATE)
    assert not obstacles(unchanged, there, BILL, ())


@pytest.mark.parametrize(("name", "key"), [("SODOCUMENT", {"DOCID": "Order-7"}), ("APBILL", {}), ("VENDOR", {})])
def test_an_update_knows_the_name_where_the_objects_own_function_needs_it(name: str, key: dict[str, Any]) -> None:
    row = {"DOCID": "Order-7", "VENDORID": "V-1"}
    bill = replace(write(NAME="new"), object=name)
    assert update_of(bill, current(NAME="old", **row), BILL, ()).unchanged == key
    assert update_of(bill, current(NAME="old"), BILL, ()).unchanged == {}


EQUAL = EqualNumber(("tap", "bills", "content", "abc"), 3, 1, 2)


@pytest.mark.parametrize(
    ("equal", "key", "verdict", "asks"),
    [
        (EQUAL, "source", Verdict.CREATE, True),
        (replace(EQUAL, certain=True), "source", Verdict.CREATE, False),
        (replace(EQUAL, earlier=0), "source", Verdict.CREATE, False),
        (EQUAL, "source", Verdict.UNCHANGED, False),
        (EQUAL, "another", Verdict.CREATE, False),
        (None, "source", Verdict.CREATE, False),
    ],
)
def test_an_equal_record_is_asked_for_where_it_may_be_an_earlier_one(
    equal: EqualNumber | None, key: str, verdict: Verdict, asks: bool
) -> None:
    row = SourceRow("stream", 1, {}, key=("tap", "3"), equal=equal)
    identity = source_identity(row.key if key == "source" else ("tap", "4"))
    one = PlannedRecord(replace(write(), identity=identity, rows=(row,)), verdict)
    assert _to_ask_for(one, "") is (equal if asks else None)


def test_a_refused_match_keeps_neither_receipt_nor_changes() -> None:
    """Unless a delete of ours explains that the record is missing."""
    step = MatchExisting.__new__(MatchExisting)  # the decision looks at its arguments only
    given = PlannedRecord(write(), Verdict.UPDATE)
    refused = replace(given, verdict=Verdict.REFUSED, receipt=Receipt("7"), changes=(Change("NAME", "a", "b"),))
    decided, entry = step._decided(given, None, refused, None)
    assert (decided.verdict, decided.receipt, decided.changes, entry) == (Verdict.REFUSED, None, (), None)
    matched = replace(refused, verdict=Verdict.UPDATE)
    assert step._decided(given, None, matched, None) == (matched, None)


@pytest.mark.parametrize(
    ("mode", "match", "fields", "operation", "reasons"),
    [
        (Mode.UPSERT, (), {}, WriteOperation.CREATE, 0),  # without a key it can only be new
        (Mode.UPSERT, (), {"RECORDID": "B-1"}, WriteOperation.CREATE, 0),
        (Mode.UPSERT, ("NAME",), {}, WriteOperation.CREATE, 1),
        (Mode.UPSERT, ("NAME",), {"NAME": "x"}, WriteOperation.CREATE, 0),
        (Mode.UPDATE, (), {}, WriteOperation.UPDATE, 1),
        (Mode.UPDATE, (), {"RECORDID": "B-1"}, WriteOperation.UPDATE, 0),
        (Mode.DELETE, (), {"RECORDNO": 7}, WriteOperation.DELETE, 0),
        (Mode.DELETE, (), {}, WriteOperation.DELETE, 1),
    ],
)
def test_a_record_gets_the_operation_of_its_mode_and_needs_a_key_for_it(
    mode: Mode, match: tuple[str, ...], fields: dict[str, Any], operation: WriteOperation, reasons: int
) -> None:
    settings = PlanSettings(mode=mode, match=match)
    step = IdentifyByKey(cast("PlanContext", SimpleNamespace(settings=settings, describe=lambda: BILL)))
    given = replace(write(), fields=fields)
    (found,) = step([PlannedRecord(given, Verdict.CREATE)])
    assert (found.write.operation, len(found.reasons)) == (operation, reasons)
    if mode is not Mode.UPSERT and not reasons:
        assert found.write.identity.text == " ".join(f"{name}={value}" for name, value in fields.items())


@pytest.mark.parametrize(
    ("day", "posted", "warned"),
    [
        (date(2026, 1, 1), date(2026, 1, 2), True),
        (date(2026, 1, 2), date(2026, 1, 2), False),
        (date(2026, 1, 1), None, False),
        (None, date(2026, 1, 2), False),
        (date(2026, 1, 1), datetime(2026, 1, 2, tzinfo=UTC), False),  # a time is no posting date
    ],
)
def test_a_day_before_the_records_own_is_a_warning(day: Value, posted: Value, warned: bool) -> None:
    assert [one.refuses for one in early_day(write(), day, posted)] == ([False] if warned else [])


def test_a_change_is_told_with_both_values() -> None:
    assert str(Change("NAME", "", "x")) == "NAME: (empty) -> x"
    assert str(Change("NAME", "x", "")) == "NAME: x -> (empty)"


def test_a_line_set_without_amounts_is_counted_and_empty_cells_are_not_told() -> None:
    theirs: list[dict[str, Value]] = [{"MEMO": "a", "DEPT": None}, {"MEMO": "a", "DEPT": "1"}]
    bare = replace(BILL, lines=())
    (change,) = differences(write({"MEMO": "b", "DEPT": None}), current(*theirs), bare, KEY)
    assert (change.before, change.after) == ("2 lines", "1 line")
    assert change.lines == ("- MEMO a", "- DEPT 1, MEMO a", "+ MEMO b")


EMPLOYEE = legacy_object("EMPLOYEE")


def test_a_legacy_update_has_what_its_function_requires() -> None:
    """Its own function of document type 2.1 needs the contact also where that does not change."""
    (needed,) = EMPLOYEE.required("update")
    legacy = replace(BILL, legacy=EMPLOYEE)
    both: dict[str, Any] = {needed: "Ada", "NAME": "same"}
    one = write(**both)
    there = current(**{needed: "Ada", "NAME": "same"})
    assert update_of(one, there, legacy, ()).fields == {"RECORDNO": 77, needed: "Ada"}
    assert update_of(one, there, BILL, ()).fields == {"RECORDNO": 77}
    by_number = replace(one, fields={"RECORDNO": 5})
    assert update_of(by_number, replace(there, row={}), BILL, ()).fields == {"RECORDNO": 77}
    order = replace(one, object="SODOCUMENT")
    named = current(DOCID="Order-7", **{needed: "Ada", "NAME": "same"})
    assert update_of(order, named, BILL, ()).unchanged == {"DOCID": "Order-7"}
    assert update_of(order, named, legacy, ()).unchanged == {}


@pytest.mark.parametrize(
    ("name", "legacy", "fix"),
    [("APBILL", False, ""), ("APBILL", True, "use a 3.0 connection, or delete and create"),
     ("SODOCUMENT", False, "delete and create"), ("SODOCUMENT", True, "delete and create")],
)  # fmt: skip
def test_a_function_that_changes_lines_by_number_needs_as_many(name: str, legacy: bool, fix: str) -> None:
    writable = replace(BILL, legacy=EMPLOYEE if legacy else None)
    order = replace(write(A, B, NAME="new"), object=name)
    fewer, as_many = current(A, NAME="old"), current(A, {**B, "MEMO": "old"}, NAME="old")
    assert not obstacles(order, as_many, writable, differences(order, as_many, writable, KEY))
    found = obstacles(order, fewer, writable, differences(order, fewer, writable, KEY))
    assert [(one.rule, one.fix, one.position) for one in found] == ([("lines", fix, "bills.csv:2")] if fix else [])
    if fix:
        assert found[0].message == (
            f"an update of {name} changes lines by their number: the input has 2 lines, the company has 1"
        )
