"""How many modules each program imports: every one costs start-up time, so that each program has a budget."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from support.imports import COPY, IDLE, OURS, PLAN, QUERY, RECORD, ROW, WITHOUT_A_COMPANY, imports

BUDGET = {
    "tap-intacct --version": 17,
    "tap-intacct --help": 17,
    "target-intacct --version": 17,
    "target-intacct --help": 17,
    "intacct --version": 23,
    "intacct --help": 23,
    "intacct extract --help": 26,
    "intacct load --help": 27,
    IDLE: 135,
    COPY: 139,
    QUERY: 70,
    ROW: 90,
    PLAN: 245,
    RECORD: 233,
}
"""The most modules of ours that a program may import."""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    return imports(Path(tmp_path_factory.mktemp("imports")))


@pytest.mark.parametrize("program", BUDGET)
def test_a_program_stays_within_its_budget(program: str, modules: Mapping[str, list[str]]) -> None:
    ours = [name for name in modules[program] if name.partition(".")[0] in OURS]
    assert len(ours) <= BUDGET[program], ours


@pytest.mark.parametrize("program", WITHOUT_A_COMPANY)
def test_a_help_needs_no_library_but_click(program: str, modules: Mapping[str, list[str]]) -> None:
    assert {name for name in modules[program] if name.partition(".")[0] not in OURS} <= {"click"}


def test_an_idle_sync_computes_nothing(modules: Mapping[str, list[str]]) -> None:
    heavy = {"pyarrow.compute", "duckdb", "rich", "tomlkit", "openpyxl", "lxml"}
    heavy |= {"intacct_bridge.client.writing", "intacct_bridge.client.attachments"}
    assert heavy.isdisjoint(modules[IDLE])


def test_an_extraction_imports_nothing_that_only_other_options_need(modules: Mapping[str, list[str]]) -> None:
    bridge = ("client.writing", "client.attachments", "apps.singer", "load.", "mapping")
    needless = ("intacct_protocol.model.legacy", *(f"intacct_bridge.{name}" for name in bridge), "duckdb")
    assert not [name for name in modules[COPY] if name.startswith(needless)]


@pytest.mark.parametrize("program", [ROW, PLAN, RECORD])
def test_a_program_for_few_records_needs_no_large_library(program: str, modules: Mapping[str, list[str]]) -> None:
    """Neither Arrow nor DuckDB, and no reader of workbooks: of others, what speaks to Intacct and to the terminal."""
    speaks = {"urllib3", "truststore", "isal", "msgspec", "platformdirs", "click"}
    parts = {"backports", "typing_extensions"}  # of msgspec, isal and urllib3
    others = {name for name in modules[program] if name.partition(".")[0] not in OURS}
    assert others <= speaks | parts | {"cython_runtime"}


def test_a_query_of_one_row_loads_neither_the_settings_of_jobs_nor_what_writes(
    modules: Mapping[str, list[str]],
) -> None:
    bridge = (
        "operations.job_settings",
        "operations.loads",
        "load.",
        "mapping",
        "extract.",
        "copies.",
        "client.writing",
    )
    needless = ("intacct_protocol.model.legacy", *(f"intacct_bridge.{name}" for name in bridge))
    assert not [name for name in modules[ROW] if name.startswith(needless)]
