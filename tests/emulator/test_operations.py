"""Every documented operation against the demo company: what comes of it is what the list, and the page, say."""

import importlib.util
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from emulator.trial import ABSENT, Entry, Outcome, entries, tiers, tried
from emulator.trial_requests import READS
from intacct_bridge.emulator.gateway import Emulator

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
AGAIN = "run: PYTHONPATH=src:tests python -m emulator.trial, and make docs"
Trials = list[tuple[Entry, Outcome]]


def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("operations", SCRIPTS / "operations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trials(grown: Emulator) -> Iterator[Trials]:
    emulator = grown.clone()
    yield [(entry, tried(emulator, entry)) for entry in entries()]
    emulator.close()


def test_every_operation_succeeds_or_is_refused_by_a_number_of_our_own(trials: Trials) -> None:
    assert [f"{entry.area}: {entry.name}: {outcome.problem}" for entry, outcome in trials if outcome.problem] == []


def test_the_list_says_what_came_of_each(trials: Trials) -> None:
    listed = [entry for entry, _ in trials]
    found = tiers(listed, [outcome for _, outcome in trials])
    told = [
        f"{entry.name}: {entry.tier} / {entry.needs} should be {tier} / {outcome.needs}"
        for (entry, outcome), tier in zip(trials, found, strict=True)
        if (entry.tier, entry.needs) != (tier, outcome.needs)
    ]
    assert told == [], AGAIN


def test_hardly_any_is_not_emulated_and_no_read_at_all() -> None:
    listed = entries()
    absent = [entry for entry in listed if entry.tier == ABSENT]
    assert len(absent) <= len(listed) * 0.05
    assert [entry.name for entry in absent if entry.function in READS] == []


def test_the_list_is_whole() -> None:
    listed = entries()
    assert len(listed) == len({(one.area, one.name, one.function, one.object) for one in listed}) == 1553
    assert Counter(one.function for one in listed)["create"] == 95


def test_the_page_is_written_from_the_list() -> None:
    written = page()
    assert written.PAGE.read_text(encoding="utf-8") == written.page(), AGAIN
