"""The planted bugs: every patch still fits the source, and the documentation says which test finds it."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

from planted.planted import (
    PAGE,
    ROOT,
    SIMULATION,
    Copy,
    OutdatedPatchError,
    PlantedBug,
    known_finders,
    page,
    planted,
    planted_bugs,
    stages,
)

BUGS = planted_bugs()


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_patch_fits_the_source_and_changes_its_code(bug: PlantedBug) -> None:
    bug = bug.located()
    source = (ROOT / bug.path).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(bug.applied(source))) != ast.dump(ast.parse(source))
    assert bug.what.endswith(".")
    assert [name for name, _ in stages(bug.path)][-1] == "all tests"


def test_the_patches_are_numbered_and_spread_over_the_product() -> None:
    assert [bug.number for bug in BUGS] == list(range(1, len(BUGS) + 1))
    assert len(BUGS) >= 30
    packages = {"/".join(Path(bug.path).parts[4:-1]) for bug in BUGS}
    assert packages >= {"extract", "copies/destinations", "load/plan", "load/outbox", "load/apply", "load/undo"}


def test_a_patch_that_no_longer_fits_is_an_error() -> None:
    bug = BUGS[0].located()
    source = (ROOT / bug.path).read_text(encoding="utf-8")
    with pytest.raises(OutdatedPatchError, match=re.escape(f"{bug.name}.patch does not fit {bug.path}")):
        bug.applied(bug.applied(source))


HUNK = (" def total(rows):", "-    return sum(rows)", "+    return sum(rows[1:])", " ")


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("def total(rows):\n    return sum(rows)\n\n", "def total(rows):\n    return sum(rows[1:])\n\n"),
        ("class A:\n    def total(rows):\n        return sum(rows)\n\n",
         "class A:\n    def total(rows):\n        return sum(rows[1:])\n\n"),
        ("def whole(rows):\n    return sum(rows)\n", "def whole(rows):\n    return sum(rows[1:])\n"),
        ("def whole(rows):\n    return sum(rows)\n\ndef total(rows):\n    return sum(rows)\nx = 1\n",
         "def whole(rows):\n    return sum(rows)\n\ndef total(rows):\n    return sum(rows[1:])\nx = 1\n"),
        ("def whole(rows):\n    return sum(rows)\ndef half(rows):\n    return sum(rows)\nx = 1\n", None),
        ("def total(rows):\n    return max(rows)\n", None),
    ],
    ids=["as it was", "indented", "another name above", "the context decides", "two places", "nowhere"],
)  # fmt: skip
def test_a_patch_is_found_by_its_text(source: str, changed: str | None) -> None:
    assert planted((HUNK,), source) == changed


def test_a_bug_is_found_where_its_module_was_moved_to() -> None:
    bug = BUGS[0].located()
    assert replace(bug, path="packages/elsewhere.py").located() == bug


def test_every_bug_is_found_by_a_test_that_exists() -> None:
    found = known_finders()
    assert sorted(found) == [bug.key for bug in BUGS]
    for test in found.values():
        path, _, name = test.partition("::")
        assert path == SIMULATION or f"def {name.rpartition('::')[2]}(" in (ROOT / path).read_text(encoding="utf-8"), (
            test
        )


def test_the_documentation_shows_the_bugs_and_the_tests_that_find_them() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_simulation_finds_a_bug_by_its_first_seed_that_fails(tmp_path: Path) -> None:
    """Here in the place of the simulation: a program that fails with every seed from 12 on."""
    program = tmp_path / SIMULATION
    program.parent.mkdir(parents=True)
    program.write_text(
        "import sys\n"
        "first, seeds = int(sys.argv[2]), int(sys.argv[4])\n"
        "for seed in reversed(range(first, first + seeds)):\n"
        "    print(f'FAILED seed {seed}: lost' if seed >= 12 else seed)\n"
    )
    copy = Copy(tmp_path)
    assert copy.failing_seed(1, 200, log=tmp_path / "log") == 12
    assert copy.failing_seed(1, 11, log=tmp_path / "log") is None
