"""Every documented operation against the demo company has the outcome of the list and of the page."""

import importlib.util
from collections import Counter
from types import ModuleType

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.operations.requests import READS
from support.emulator.operations.trial import ABSENT, entries, tiers, tried
from support.repository import ROOT

SCRIPTS = ROOT / "scripts"
AGAIN = "run: PYTHONPATH=src:tests python -m support.emulator.operations.trial, and make docs"


def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("operations", SCRIPTS / "operations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_every_operation_has_the_outcome_of_the_list(two_years: Emulator) -> None:
    emulator = two_years.clone()
    listed = entries()
    outcomes = [tried(emulator, entry) for entry in listed]
    emulator.close()
    both = list(zip(listed, outcomes, strict=True))
    assert [f"{entry.area}: {entry.name}: {one.problem}" for entry, one in both if one.problem] == []
    told = [
        f"{entry.name}: {entry.tier} / {entry.needs} should be {tier} / {one.needs}"
        for entry, tier, one in zip(listed, tiers(listed, outcomes), outcomes, strict=True)
        if (entry.tier, entry.needs) != (tier, one.needs)
    ]
    assert told == [], AGAIN


def test_few_operations_are_not_emulated_and_every_read_is() -> None:
    listed = entries()
    absent = [entry for entry in listed if entry.tier == ABSENT]
    assert len(absent) <= len(listed) * 0.05
    assert [entry.name for entry in absent if entry.function in READS] == []


def test_the_list_is_complete() -> None:
    listed = entries()
    assert len(listed) == len({(one.area, one.name, one.function, one.object) for one in listed}) == 1553
    assert Counter(one.function for one in listed)["create"] == 95


def test_the_page_is_written_from_the_list() -> None:
    written = page()
    assert written.PAGE.read_text(encoding="utf-8") == written.page(), AGAIN
