"""The fuzzed targets on the kept corpus, and on some hundred changes of it; `make fuzz` goes on for minutes."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.changes import changed_corpus
from fuzz.targets import CORPUS, TARGETS, exactly

FILES = [path for target in TARGETS for path in sorted((CORPUS / target).iterdir())]
SEEDS = {target: [path.read_bytes() for path in FILES if path.parent.name == target] for target in TARGETS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_kept_input_passes_its_check(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize("target", TARGETS)
def test_a_changed_input_passes_its_check(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(changed_corpus(SEEDS[target])))


def test_every_target_has_a_corpus_and_no_other_folder_is_there() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize(
    ("text", "numerator", "denominator"),
    [("12.50", 25, 2), ("-0.001", -1, 1000), ("1e3", 1000, 1), ("25E-1", 5, 2), (" +7. ", 7, 1), (".5", 1, 2)],
)
def test_the_second_reckoning_of_numbers(text: str, numerator: int, denominator: int) -> None:
    assert exactly(text) * denominator == numerator
