"""Companies: filled from any source, and opened again."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_bridge.emulator.gateway.companies import fill
from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.emulator.settings.company_source import CompanyDefinitions, CompanySource, SideValues
from intacct_bridge.emulator.settings.world import ReportSettings
from intacct_bridge.emulator.store.store import open_database
from intacct_bridge.model.catalog import FieldDef
from intacct_bridge.wire.values import Kind, Value
from support.emulator.calls import data, query, rows

ROW: Mapping[str, Value] = {"RECORDNO": 1, "CLASSID": "C1", "NAME": "One", "COLOUR": "red"}
SOURCE = CompanySource(
    name="workshop",
    label="seed=1",
    rows=lambda: [("CLASS", ROW)],
    side_values=SideValues({"rounding": "71950"}, ("ACCRUAL", "CASH")),
    definitions=CompanyDefinitions(
        fields=(("CLASS", FieldDef("COLOUR", Kind.TEXT, "Colour", custom=True)),),
        reports=(ReportSettings("Classes", "CLASS", ("CLASSID", "COLOUR")),),
    ),
)


def colours(emulator: Emulator) -> list[str]:
    return [row["COLOUR"] for row in rows(data(emulator, query("CLASS", "CLASSID COLOUR")))]


def test_a_source_fills_a_company() -> None:
    emulator = Emulator.empty()
    fill(emulator.company(), SOURCE, now=0)
    company = emulator.company()
    assert colours(emulator) == ["red"]
    assert company.reports[-1].name == "Classes"
    assert company.side_tables.posting_accounts.get("rounding") == "71950"
    assert company.side_tables.reporting_books.get() == ("ACCRUAL", "CASH")
    emulator.close()


def test_a_company_that_was_filled_keeps_its_records(tmp_path: Path) -> None:
    first = Emulator.empty(tmp_path / "company.db")
    fill(first.company(), SOURCE, now=0)
    first.close()
    second = Emulator(open_database(tmp_path / "company.db"))
    fill(second.company(), SOURCE, now=0)
    assert colours(second) == ["red"]
    assert len(second.company().reports) == len(second.company().settings.reports) + 1
    second.close()


def test_a_source_that_fails_stores_nothing() -> None:
    def failing() -> Iterator[tuple[str, Mapping[str, Value]]]:
        yield "CLASS", ROW
        raise OSError("the source broke")

    emulator = Emulator.empty()
    with pytest.raises(OSError, match="the source broke"):
        fill(emulator.company(), replace(SOURCE, rows=failing), now=0)
    assert emulator.company().table("CLASS").count() == 0
    assert not emulator.company().side_tables.source.known()
    emulator.close()
