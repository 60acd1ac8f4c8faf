"""An object that may not be described costs only itself: the other streams are read, and the outcomes name it."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.extract.selection import select_streams
from intacct_bridge.extract.unified import select_unified
from intacct_bridge.operations.extract import ExtractRequest, ExtractResult
from intacct_bridge.operations.extract import extract as operations_extract
from intacct_emulator.reading import dimensions as company_dimensions
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.companies import EmulatorSettings, RoleSettings
from intacct_emulator.settings.faults import ScriptedFault
from intacct_protocol.errors import NotPermittedError
from support.journeys.copying import extract, rows, selected
from support.journeys.tapping import Tap, discovered
from support.small_company import client


def closed(grown: Emulator, name: str) -> Emulator:
    text = "You do not have permission for this."
    return grown.clone(
        faults=(ScriptedFault("fault", "lookup", object=name, calls=(), errorno="XL03000006", text=text),)
    )


def run(company: Client, path: Path, *names: str) -> dict[str, str]:
    """The errors of a run, by stream."""
    with closing(open_destination(f"duckdb:{path}")) as destination:
        extraction = prepare(company, ReadRequest(names)).into(destination)
        for _ in extraction:
            pass
    return {one.name: one.error for one in extraction.outcomes}


def test_a_stream_that_may_not_be_described_fails_alone(tmp_path: Path, grown: Emulator) -> None:
    path = tmp_path / "copy.duckdb"
    with closing(closed(grown, "CLASS")) as emulator, client(emulator) as company:
        errors = run(company, path, "CLASS", "DEPARTMENT", "VENDOR")
        assert {name for name, error in errors.items() if error} == {"CLASS"}
        assert "You do not have permission" in errors["CLASS"]
        assert len(rows(path, "VENDOR")) == emulator.company().table("VENDOR").count()
        history = selected(path, "SELECT stream, complete FROM _bridge.outcomes WHERE error <> ''")
        assert history == [{"stream": "CLASS", "complete": False}]
        with pytest.raises(NotPermittedError):
            select_streams(company, ["CLASS", "VENDOR"])


def test_lines_are_read_where_their_header_may_not_be_described(tmp_path: Path, grown: Emulator) -> None:
    path = tmp_path / "copy.duckdb"
    with closing(closed(grown, "APBILL")) as emulator, client(emulator) as company:
        assert set(run(company, path, "APBILLITEM").values()) == {""}
        assert set(run(company, path, "APBILLITEM").values()) == {""}
        assert len(rows(path, "APBILLITEM")) == emulator.company().table("APBILLITEM").count()


def without(settings: EmulatorSettings, name: str) -> EmulatorSettings:
    """The user may list everything but that object."""
    role = RoleSettings(rights={"*": ("list", "view"), name: ()})
    return replace(settings, companies=tuple(replace(one, roles=(role,)) for one in settings.companies))


@pytest.mark.parametrize("refusal", ["rows", "description", "switched off"])
def test_values_of_a_dimension_that_was_closed_stay_in_the_copy(tmp_path: Path, grown: Emulator, refusal: str) -> None:
    path = tmp_path / "copy.duckdb"
    with closing(grown.clone()) as emulator, client(emulator) as company:
        extract(company, f"duckdb:{path}", "dimension_values")
    held = rows(path, "dimension_values")
    off = tuple(replace(one, inactive_dimensions=("FUND",)) for one in grown.settings.companies)
    gateways = {
        "rows": lambda: grown.clone(settings=without(grown.settings, "FUND")),
        "description": lambda: closed(grown, "FUND"),
        "switched off": lambda: grown.clone(settings=replace(grown.settings, companies=off)),
    }
    with closing(gateways[refusal]()) as emulator, client(emulator) as company:
        done = extract(company, f"duckdb:{path}", "dimension_values", failing=("dimension_values",))["dimension_values"]
    assert "FUND cannot be read: " in done.error
    assert "permission" in done.error
    assert (done.complete, done.deleted) == (False, 0)
    assert rows(path, "dimension_values") == held != []
    with closing(grown.clone()) as emulator, client(emulator) as company:
        assert extract(company, f"duckdb:{path}", "dimension_values")["dimension_values"].deleted == 0
    assert len(rows(path, "dimension_values")) == len(held)


def test_one_closed_dimension_costs_no_other_its_values(
    tmp_path: Path, grown: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "copy.duckdb"
    uri = f"duckdb:{path}"
    with closing(grown.clone()) as emulator, client(emulator) as company:
        extract(company, uri, "dimension_values")
        monkeypatch.setattr(
            company_dimensions, "user_defined", lambda _: ("GLDIMAREA", "GLDIMFUND")
        )  # no object holds areas
        (made,) = company.create("FUND", [{"name": "Roof"}])
        assert made.ok, made.faults
        done = extract(company, uri, "dimension_values", failing=("dimension_values",))["dimension_values"]
        assert "AREA cannot be read: no object of the company" in done.error
        assert "dimension_values?without=AREA" in done.fix
        assert "Roof" in {row["name"] for row in rows(path, "dimension_values")}
        assert extract(company, uri, "dimension_values?without=gldimarea")["dimension_values"].complete


def extraction(company: Client, path: Path, names: list[str]) -> ExtractResult:
    """The entities of the unified schema in a copy without views."""
    return operations_extract(company, ExtractRequest(to=f"duckdb:{path}", streams=names, unified="v1", views=False))


def test_a_unified_entity_whose_object_may_not_be_described_fails_alone(tmp_path: Path, grown: Emulator) -> None:
    path = tmp_path / "copy.duckdb"
    with closing(closed(grown, "CLASS")) as emulator, client(emulator) as company:
        done = extraction(company, path, ["Classes", "Departments"])
        alone = extraction(company, path, ["classes"])
        with pytest.raises(NotPermittedError):
            select_unified(company, "v1", ["Classes"])
    errors = {one.name: one.error for one in done.outcomes if one.error}
    assert list(errors) == ["Classes"]
    assert "CLASS cannot be read" in errors["Classes"]
    assert "You do not have permission" in errors["Classes"]
    assert (done.complete, alone.complete) == (False, False)
    assert len(rows(path, "Departments")) == grown.company().table("DEPARTMENT").count()
    history = selected(path, "SELECT stream, complete FROM _bridge.outcomes WHERE error <> '' ORDER BY run")
    assert history == [{"stream": "Classes", "complete": False}, {"stream": "classes", "complete": False}]


def test_a_closed_line_costs_its_entity_and_a_closed_header_none(tmp_path: Path, grown: Emulator) -> None:
    path, names = tmp_path / "copy.duckdb", ["Bills", "BillPayments"]
    with closing(closed(grown, "APBILLITEM")) as emulator, client(emulator) as company:
        done = extraction(company, path, names)
        assert [one.name for one in done.outcomes if one.error] == ["Bills"]
    with closing(closed(grown, "APPYMT")) as emulator, client(emulator) as company:
        assert extraction(company, path, names).complete
    assert len(rows(path, "BillPayments")) == grown.company().table("APPYMTDETAIL").count()


def test_the_tap_reads_the_other_unified_entities(tmp_path: Path, grown: Emulator) -> None:
    with closing(grown.clone()) as emulator, serve(emulator) as server:
        _, catalog, _ = discovered(Tap(tmp_path, server.url, emulator), "Classes", "Departments", unified="v1")
    both = catalog.read_text()
    with closing(closed(grown, "CLASS")) as emulator, serve(emulator) as server:
        tap = Tap(tmp_path, server.url, emulator)
        config, _, document = discovered(tap, "Classes", "Departments", unified="v1")
        assert [one["stream"] for one in document["streams"]] == ["Departments"]
        ran = tap.run("--config", config, "--catalog", tap.keep("both.json", json.loads(both)))
    assert ran.status == 1
    assert "Classes: failed: CLASS cannot be read" in ran.err
    assert ran.records("Departments")
    assert ran.state["bookmarks"].keys() == {"Departments"}


def test_columns_of_a_related_object_that_may_not_be_described_are_reported(tmp_path: Path, grown: Emulator) -> None:
    path = tmp_path / "copy.duckdb"
    with closing(closed(grown, "APBILL")) as emulator, client(emulator) as company:
        done = extraction(company, path, ["BillPayments"])
    (payments,) = (one for one in done.outcomes if one.name == "BillPayments")
    assert done.complete
    assert payments.unqueryable == ("APBILL.RECORDID",)
    assert len(rows(path, "BillPayments")) == grown.company().table("APPYMTDETAIL").count()
