"""`make test-quick` covers each package: at least one file of every folder of tests is in its list.

The files were chosen by their time: those with the most tests a second, until a minute on two processors is full.
"""

from support.repository import DISTRIBUTIONS, ROOT

TESTS = ROOT / "tests"
QUICK = (TESTS / "quick.txt").read_text("utf-8").split()
ELSEWHERE = {
    "emulator/from_copy": "tests/journeys/test_company_from_copy.py",
    "bridge/results": "tests/bridge/test_results.py",
}
"""Packages without a folder of tests, and the file that reaches each."""


def test_every_file_of_the_list_exists_once_and_in_order() -> None:
    assert [name for name in QUICK if not (ROOT / name).is_file()] == []
    assert sorted(set(QUICK)) == QUICK


def test_each_folder_of_tests_has_a_file_in_the_list() -> None:
    folders = {path.parent for part in ("protocol", "emulator", "bridge") for path in (TESTS / part).rglob("test_*.py")}
    assert folders - {(ROOT / name).parent for name in QUICK} == set()


def test_each_package_has_a_folder_of_tests_or_is_reached_from_another() -> None:
    packages = {
        f"{source.name.removeprefix('intacct_')}/{path.name}"
        for source in DISTRIBUTIONS
        for path in source.iterdir()
        if path.name != "data" and path.is_dir() and list(path.rglob("*.py"))
    }
    folders = {
        f"{part}/{path.name}"
        for part in ("protocol", "emulator", "bridge")
        for path in (TESTS / part).iterdir()
        if list(path.rglob("test_*.py"))
    }
    assert packages - folders == set(ELSEWHERE)
    assert set(ELSEWHERE.values()) <= set(QUICK)
