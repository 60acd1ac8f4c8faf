"""The modules that each program imports: no more than the run needs, since every one costs start-up time."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from support.imports import COPY, IDLE, WITHOUT_A_COMPANY, imports, recorded

PROGRAMS = (*WITHOUT_A_COMPANY, IDLE, COPY)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    return imports(Path(tmp_path_factory.mktemp("imports")))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_imports_what_is_recorded(program: str, found: Mapping[str, list[str]]) -> None:
    known = recorded()
    assert list(known) == list(PROGRAMS)
    more, fewer = set(found[program]) - set(known[program]), set(known[program]) - set(found[program])
    assert (sorted(more), sorted(fewer)) == ([], []), (
        "import a module where it is needed, or record it: PYTHONPATH=src:tests python -m support.imports"
    )


@pytest.mark.parametrize("program", WITHOUT_A_COMPANY)
def test_a_help_needs_no_library_but_click(program: str) -> None:
    assert {name for name in recorded()[program] if not name.startswith(".")} <= {"click"}


def test_an_idle_sync_computes_nothing() -> None:
    heavy = {
        "pyarrow.compute",
        "duckdb",
        "rich",
        "tomlkit",
        "openpyxl",
        "lxml",
        ".client.writing",
        ".client.attachments",
    }
    assert heavy.isdisjoint(recorded()[IDLE])


def test_an_extraction_imports_nothing_that_only_other_options_need() -> None:
    needless = (".client.writing", ".client.attachments", ".model.mapping", ".model.legacy", ".edge.singer", "duckdb")
    assert not [name for name in recorded()[COPY] if name.startswith(needless)]
