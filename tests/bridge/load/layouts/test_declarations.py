"""The declared layouts: what they name exists, and no name means two things."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.layouts.base import normalized
from intacct_bridge.load.layouts.choose import JOURNAL, JournalOrNative, layout_for
from intacct_bridge.load.layouts.declaration import LayoutDeclaration, declaration, declarations
from intacct_bridge.load.layouts.declared import DeclaredLayout
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.load.target.writable import writable_object
from intacct_protocol.errors import SettingsError
from support.small_company import Clock, client, little_company

ALL = list(declarations().values())


@pytest.fixture(scope="module")
def company() -> Iterator[Gateway]:
    emulator = little_company(Clock())
    with client(emulator) as gateway:
        yield gateway
    emulator.close()


@pytest.fixture(scope="module")
def objects() -> Iterator[frozenset[str]]:
    emulator = little_company(Clock())
    with client(emulator) as gateway:
        yield frozenset(gateway.objects())
    emulator.close()


@pytest.mark.parametrize("declared", ALL, ids=lambda one: one.name)
def test_every_column_fills_a_field_that_can_be_written(declared: LayoutDeclaration, company: Gateway) -> None:
    writable = writable_object(company, declared.object)
    line_set = writable.line_set(declared.lines) if declared.lines else None
    assert (line_set is not None) == bool(declared.lines)
    for column in declared.columns:
        if not column.field:
            continue
        name = declared.field_of(column)
        of_line = declared.is_of_line(column)
        assert line_set is not None or not of_line
        found = line_set.field(name) if of_line and line_set is not None else writable.field(name)
        assert found is not None, f"{declared.name}: {column.field}"
    for name in declared.group_by:
        assert name in {one.name for one in declared.columns}


@pytest.mark.parametrize("declared", [one for one in ALL if one.described], ids=lambda one: one.name)
def test_described_fields_have_the_kinds_that_a_company_gives(declared: LayoutDeclaration, company: Gateway) -> None:
    writable = writable_object(company, declared.object)
    line_set = writable.line_set(declared.lines)
    assert line_set is not None
    compared = 0
    for owner, kinds in declared.described.items():
        for kind, names in kinds.items():
            for name in names:
                found = (line_set if owner == declared.lines else writable).field(name)
                assert found is None or found.kind is kind, f"{owner}.{name}"
                compared += found is not None
    assert compared > 20
    assert {declared.field_of(one) for one in declared.columns if one.field} <= {
        name for kinds in declared.described.values() for names in kinds.values() for name in names
    }


@pytest.mark.parametrize("declared", ALL, ids=lambda one: one.name)
def test_the_first_names_of_columns_differ(declared: LayoutDeclaration) -> None:
    names = [normalized(one.name) for one in declared.columns]
    assert len(set(names)) == len(names)
    for one in declared.columns:
        own = [normalized(name) for name in (one.name, *one.names, *one.otherwise)]
        assert len(set(own)) == len(own), one.name


@pytest.mark.parametrize("declared", ALL, ids=lambda one: one.name)
def test_an_object_s_own_name_stays_the_object(
    declared: LayoutDeclaration, company: Gateway, objects: frozenset[str]
) -> None:
    for name in (declared.name, *declared.names):
        assert name.upper() not in objects, name
        found = layout_for(name.upper(), company)
        assert found.object == declared.object
        assert isinstance(found, JournalOrNative if declared.name in JOURNAL else DeclaredLayout)


def test_a_value_for_a_field_that_the_company_lacks_is_refused_and_never_dropped(
    company: Gateway, tmp_path: Path
) -> None:
    writable = writable_object(company, "APBILL")
    (lines,) = [one for one in writable.lines if one.object == "APBILLITEM"]
    assert lines.described is not None
    fields = {name: one for name, one in lines.described.fields.items() if name != "PROJECTID"}
    bare = replace(lines, described=replace(lines.described, fields=fields), extra={})
    declared = declarations()["bills"]
    layout = DeclaredLayout(declared, lambda: replace(writable, lines=(bare,)), company)
    path = tmp_path / "bills.csv"
    head = "Vendor,Bill No,Date,Account,Amount,Project\nV10001,B-1,2026-11-21,60100,1,"
    path.write_text(f"{head}\n")
    assert len(list(layout.read(open_csv(path)))) == 1
    path.write_text(f"{head}P-1\n")
    with pytest.raises(SettingsError, match=r"bills.csv:2: the column 'Project' is the field PROJECTID"):
        list(layout.read(open_csv(path)))


def test_names_of_layouts_are_read_in_any_case() -> None:
    assert declaration("Bills") is declaration("vendor_invoices")
    assert declaration("VENDOR") is None
