"""Companies: filled from any source, and opened again."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from intacct_emulator.server import companies
from intacct_emulator.server.companies import fill
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, ReportSettings, UserSettings
from intacct_emulator.settings.company_source import CompanyDefinitions, CompanySource, FactValues
from intacct_emulator.store.store import open_database
from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.xml.values import Kind, Value
from support.demo_company import NOW
from support.emulator.calls import data, query, rows

ROW: Mapping[str, Value] = {"RECORDNO": 1, "CLASSID": "C1", "NAME": "One", "COLOUR": "red"}
SOURCE = CompanySource(
    name="workshop",
    label="seed=1",
    rows=lambda: [("CLASS", ROW)],
    facts=FactValues({"rounding": "71950"}, ("ACCRUAL", "CASH")),
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
    assert company.facts.posting_accounts.get("rounding") == "71950"
    assert company.facts.reporting_books.get() == ("ACCRUAL", "CASH")
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
    assert not emulator.company().facts.sources.keys_used()
    emulator.close()


def everything(emulator: Emulator) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the database, by table."""
    database = emulator.companies.database_copy()
    names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    found = {name: sorted(database.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in names}
    database.close()
    return found


def test_a_company_from_the_cache_is_the_one_that_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With settings that change stored rows, users and companies, in memory and in a file."""
    behaviour = Behaviour(gldetail_key_per_book=True, latency_ms=1)
    settings = EmulatorSettings(
        behaviour=behaviour, companies=(CompanySettings(users=(UserSettings("erin"),)), CompanySettings("second"))
    )
    more: dict[str, Any] = {
        "as_of": date(2026, 11, 21),
        "months": 3,
        "cash_book": True,
        "settings": settings,
        "clock": lambda: NOW,
    }
    made = Emulator.demo(**more)
    expected = everything(made)
    made.close()
    assert len(expected["demo-company:GLDETAIL"]) > 1000
    first = Emulator.demo(cache=tmp_path / "kept", **more)
    assert everything(first) == expected
    first.close()
    with monkeypatch.context() as patch:
        patch.setattr(companies, "load", None)
        again = Emulator.demo(tmp_path / "company.db", cache=tmp_path / "kept", **more)
    assert everything(again) == expected
    again.close()


def test_a_file_with_records_takes_nothing_from_the_cache(tmp_path: Path) -> None:
    path, second = tmp_path / "company.db", EmulatorSettings(companies=(CompanySettings("second"),))
    Emulator.empty(path, settings=second).close()
    both = EmulatorSettings(companies=(CompanySettings(), CompanySettings("second")))
    emulator = Emulator.demo(path, as_of=date(2026, 11, 21), months=3, cache=tmp_path / "kept", settings=both)
    assert not (tmp_path / "kept").exists()
    assert emulator.company("second").table("USERINFO").count() == 1
    emulator.close()
