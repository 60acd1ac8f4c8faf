"""Dates inside the lists and records of JSON lines are read as those of columns: by the order and the format given."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.layouts.native import NativeLayout
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.load.tables.json_lines import open_jsonl
from intacct_bridge.load.target.writable import LineSet, WritableObject
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.xml.values import Kind

ITEM = object_def("APBILLITEM", [FieldDef("ENTRY_DATE", Kind.DATE), FieldDef("MEMO", Kind.TEXT)])
BILL = object_def("APBILL", [FieldDef("RECORDID", Kind.TEXT), FieldDef("SHIP.DATE", Kind.DATE)])
WRITABLE = WritableObject(
    BILL, (LineSet("APBILLITEMS", "APBILLITEM", ITEM, {}),), lookup_keys_of("APBILL"), None, "create"
)


def read(folder: Path, *cells: dict[str, Any], **how: Any) -> list[Any]:
    """The dates that are read in lines and records, or the reason why one is not."""
    path = folder / "bills.jsonl"
    path.write_text("\n".join(json.dumps({"RECORDID": str(number), **one}) for number, one in enumerate(cells)))
    found: list[Any] = []
    for write in NativeLayout(WRITABLE, **how).read(open_jsonl(path)):
        found += [one.message for one in write.findings if one.refuses]
        found += [fields[name] for fields in (write.fields, *(one.fields for one in write.all_lines))
                  for name in ("SHIP.DATE", "ENTRY_DATE") if name in fields]  # fmt: skip
    return found


SHAPES = [
    lambda text: {"APBILLITEMS": [{"ENTRY_DATE": text, "MEMO": "30/31/2026"}]},
    lambda text: {"APBILLITEMS": {"APBILLITEM": [{"ENTRY_DATE": text}]}},
    lambda text: {"APBILLITEMS": {"APBILLITEM": {"entry_date": text}}},
    lambda text: {"SHIP": {"DATE": text}},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_order_and_the_format_hold_inside_lists_and_records(tmp_path: Path, shape: Any) -> None:
    assert read(tmp_path, shape("10/11/2026")) == [date(2026, 10, 11)]
    assert read(tmp_path, shape("10/11/2026"), date_order="dmy") == [date(2026, 11, 10)]
    assert read(tmp_path, shape("20261110"), date_formats={"": "YYYYMMDD"}) == [date(2026, 11, 10)]
    assert read(tmp_path, shape("10/11/2026"), date_order="certain") == ["'10/11/2026' may be 2026-10-11 or 2026-11-10"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_date_that_contradicts_the_order_makes_the_others_uncertain(tmp_path: Path, shape: Any) -> None:
    (first, second) = read(tmp_path, shape("10/11/2026"), shape("25/11/2026"))
    assert first.startswith("'10/11/2026' may be month/day or day/month")
    assert second.startswith("'25/11/2026' may be month/day or day/month")


def test_a_date_whose_order_nothing_shows_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "bills.csv"
    path.write_text("RECORDID,ENTRY_DATE\nB-1,10/11/2026\nB-2,10/12/2026\n")
    findings = [one for write in NativeLayout(WRITABLE).read(open_csv(path)) for one in write.findings]
    assert [(one.rule, one.column, one.position, one.refuses) for one in findings] == [
        ("date order", "ENTRY_DATE", "bills.csv:2", False)
    ]
