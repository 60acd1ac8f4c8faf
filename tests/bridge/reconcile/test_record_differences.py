"""Rows of one side paired with rows of the other: altered, missing, surplus or doubled, and how each is named."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pyarrow as pa
import pytest

from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.copies.destinations.bridge_schema import CopyFacts
from intacct_bridge.copies.destinations.contents import CopyTable
from intacct_bridge.reconcile.compared_tables import ComparedTable
from intacct_bridge.reconcile.record_differences import RecordDifference, _order, _paired, matched

LINES = {"object": "APBILLITEM", "group": "", "header_key": "BILLKEY", "header": "APBILL", "natural_key": "",
         "key": "RECORDNO", "modified": "WHENMODIFIED"}  # fmt: skip
Row = dict[str, Any]


def table(identity: tuple[str, ...] = ("RECORDNO",), **stream: str) -> ComparedTable:
    read = SimpleNamespace(**{**LINES, **stream})
    return cast("ComparedTable", SimpleNamespace(name="T", identity=identity, stream=read))


def row(record: int, **more: Any) -> Row:
    return {"RECORDNO": record, "BILLKEY": 5, "WHENMODIFIED": "now", "AMOUNT": 1, **more}


def pairs(absent: list[Row], extra: list[Row], *, same: bool = False, of: ComparedTable | None = None) -> list[Any]:
    keys: set[tuple[str, ...]] = {("7",)} if same else set()
    return [(one.kind, one.record, [(at.name, at.company, at.copy) for at in one.fields])
            for one in _paired(of or table(), absent, extra, keys)]  # fmt: skip


@pytest.mark.parametrize(
    ("absent", "extra", "same", "expected"),
    [
        ([row(7)], [row(7, AMOUNT=2)], False, [("altered", "7", [("AMOUNT", 1, 2)])]),
        ([row(7)], [], False, [("missing", "7", [])]),
        ([], [row(7)], False, [("surplus", "7", [])]),
        ([], [row(7)], True, [("doubled", "7", [])]),  # the company has the same row, once
        ([row(7), row(8)], [row(8, AMOUNT=2), row(9)], False,
         [("missing", "7", []), ("altered", "8", [("AMOUNT", 1, 2)]), ("surplus", "9", [])]),
        ([row(7), row(7, AMOUNT=3)], [row(7, AMOUNT=2)], False,
         [("altered", "7", [("AMOUNT", 1, 2)]), ("missing", "7", [])]),
        ([row(7)], [row(7, AMOUNT=2), row(7, AMOUNT=4)], False,
         [("altered", "7", [("AMOUNT", 1, 2)]), ("surplus", "7", [])]),
        ([row(7)], [row(7, AMOUNT=2), row(7, AMOUNT=2)], False,
         [("altered", "7", [("AMOUNT", 1, 2)]), ("doubled", "7", [])]),
    ],
)  # fmt: skip
def test_rows_of_one_identity_are_paired_and_the_rest_stands_alone(
    absent: list[Row], extra: list[Row], same: bool, expected: list[Any]
) -> None:
    assert pairs(absent, extra, same=same) == expected


def test_an_identity_may_have_several_fields() -> None:
    of = table(("RECORDNO", "BILLKEY"))
    assert [kind for kind, *_ in pairs([row(7)], [row(7, BILLKEY=6)], of=of)] == ["missing", "surplus"]


def named(found: RecordDifference) -> tuple[str, str, str, str, Any]:
    return found.record, found.owner, found.owner_object, found.natural_key, found.modified


def test_a_record_is_named_by_its_key_its_owner_and_its_name() -> None:
    (missing,) = _paired(table(), [row(7)], [], set())
    assert named(missing) == ("7", "5", "APBILL", "", "now")
    (surplus,) = _paired(table(), [], [row(7, BILLKEY=None)], set())
    assert named(surplus) == ("7", "", "APBILL", "", None)  # the company's time is not known
    (altered,) = _paired(table(), [row(7)], [row(7, AMOUNT=2, WHENMODIFIED="then")], set())
    assert altered.modified == "now"
    (ledger,) = _paired(table(group="ENTRY"), [row(7, ENTRY=9)], [], set())
    assert named(ledger)[1:3] == ("9", "GLBATCH")
    (vendor,) = _paired(table(header_key="", header="", natural_key="VENDORID"), [row(7, VENDORID="V-1")], [], set())
    assert named(vendor)[:4] == ("7", "", "", "V-1")
    (bare,) = _paired(table(natural_key="VENDORID"), [row(7, VENDORID=None)], [], set())
    assert bare.natural_key == ""
    (own,) = _paired(table(natural_key="RECORDNO"), [row(7)], [], set())
    assert own.natural_key == ""


def test_what_one_side_lacks_is_told_by_its_filled_fields() -> None:
    (missing,) = _paired(table(), [row(7, AMOUNT=5, MEMO=None)], [], set())
    assert dict(missing.row).get("AMOUNT") == 5 and "MEMO" not in dict(missing.row)


def test_records_come_by_owner_and_number() -> None:
    found = [RecordDifference("T", kind, record, owner) for owner, record, kind in
             (("6", "1", "missing"), ("5", "10", "missing"), ("5", "9", "surplus"), ("5", "9", "altered"))]  # fmt: skip
    assert [(one.owner, one.record, one.kind) for one in sorted(found, key=_order)] == [
        ("5", "9", "altered"), ("5", "9", "surplus"), ("5", "10", "missing"), ("6", "1", "missing"),
    ]  # fmt: skip


# --- rows of both sides

HELD = pa.schema([("record", pa.int64()), ("AMOUNT", pa.decimal128(12, 2)), ("NAME", pa.string())])
COLUMNS = {"RECORDNO": "record", "AMOUNT": "AMOUNT", "NAME": "NAME"}


def differing(company: list[tuple[int, str, str]], copy: list[tuple[int, str, str]], where: str = "true") -> list[Any]:
    """The differences between rows of the company and rows of a copy, whose columns have other names and types."""
    con = duckdb.connect()
    con.execute('CREATE TABLE bills (record BIGINT, "AMOUNT" DECIMAL(12,2), "NAME" VARCHAR)')
    for one in copy:
        con.execute("INSERT INTO bills VALUES (?, ?, ?)", list(one))
    held = CopyTable("T", tuple(HELD.names), lambda: HELD, lambda: iter(()), lambda _: [], "SELECT * FROM bills")
    reader = OpenCopy(con, [held], CopyFacts(), in_place=True)
    of = cast("ComparedTable", SimpleNamespace(**vars(table()), columns=COLUMNS))
    numbers, amounts, names = zip(*company, strict=True) if company else ((), (), ())
    wide = pa.table({
        "RECORDNO": pa.array(numbers, pa.int32()),
        "AMOUNT": pa.array(map(Decimal, amounts), pa.decimal128(38, 14)),
        "NAME": pa.array(names, pa.string()),
        "LATER": pa.array(names, pa.string()),  # a field that the copy does not have
    })  # fmt: skip
    return [(one.kind, one.record, [(at.name, at.company, at.copy) for at in one.fields])
            for one in matched(reader, of, wide, where)]  # fmt: skip


ONE, TWO, THREE = (1, "10.00", "a"), (2, "20.00", "b"), (3, "30.00", "c")


@pytest.mark.parametrize(
    ("company", "copy", "expected"),
    [
        ([ONE, TWO, THREE], [THREE, ONE, TWO], []),
        ([], [], []),
        ([ONE, TWO], [ONE], [("missing", "2", [])]),
        ([ONE], [ONE, TWO], [("surplus", "2", [])]),
        ([ONE, TWO], [ONE, TWO, TWO], [("doubled", "2", [])]),
        ([ONE, TWO], [ONE, (2, "20.01", "b")], [("altered", "2", [("AMOUNT", Decimal("20.00"), Decimal("20.01"))])]),
        ([ONE, TWO], [(1, "10.00", "A"), TWO], [("altered", "1", [("NAME", "a", "A")])]),
        ([ONE, TWO], [ONE, THREE], [("missing", "2", []), ("surplus", "3", [])]),
        ([(1, "10.001", "a")], [ONE], [("altered", "1", [("AMOUNT", Decimal("10.001"), Decimal("10.00"))])]),
    ],
)
def test_rows_of_both_sides_are_equal_or_named(company: list[Any], copy: list[Any], expected: list[Any]) -> None:
    assert differing(company, copy) == expected


def test_only_the_asked_rows_of_the_copy_are_compared() -> None:
    assert differing([ONE], [ONE, TWO], "record < 2") == []
