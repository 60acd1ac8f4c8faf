"""Layouts and objects through the operations: what a command or a page shows of them is typed and whole."""

import csv
import io
from pathlib import Path

import pytest

from intacct_bridge.operations.catalog import (
    describe_object,
    find_layout,
    list_layouts,
    object_of_layout,
    template,
    write_template,
)
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import SettingsError
from support.small_company import client


def test_a_layout_is_found_by_its_name_and_an_object_is_none() -> None:
    bills = find_layout("Bills")
    assert bills is not None
    assert (bills.name, bills.object) == ("bills", "APBILL")
    assert {column.name for column in bills.columns if column.required} >= {"vendor", "date"}
    assert bills in list_layouts()
    assert find_layout("APBILL") is None


@pytest.mark.parametrize(
    ("name", "object_name"),
    [("bills", "APBILL"), ("journal-entries", "GLBATCH"), ("GLBATCH", "GLBATCH"), ("vendor", "VENDOR")],
)
def test_the_object_of_a_layout(name: str, object_name: str) -> None:
    assert object_of_layout(name) == object_name


def test_a_template_has_notes_names_and_an_example(tmp_path: Path) -> None:
    notes, names, example = csv.reader(io.StringIO(template("bills")))
    assert len(notes) == len(names) == len(example)
    assert "Vendor" in names
    path = tmp_path / "bills.csv"
    assert write_template("BILLS", path) == "bills"
    assert path.read_text("utf-8-sig") == template("bills")
    with pytest.raises(SettingsError, match="exists already"):
        write_template("bills", path)
    with pytest.raises(SettingsError, match="there is no layout 'bils'; did you mean bills"):
        template("bils")


def test_an_object_is_described(emulator: Emulator) -> None:
    with client(emulator) as open_client:
        assert describe_object(CompanyRun(open_client), "vendor").name == "VENDOR"
