"""Variables that begin with INTACCT_ and that no program reads."""

import re
from pathlib import Path

import pytest

from intacct_bridge.connections.sources import (
    CONNECTION_VARIABLES,
    PROGRAM_VARIABLES,
    SettingsSources,
    unread_variables,
)
from support.repository import ROOT


def unread(tmp_path: Path, text: str = "", **environ: str) -> list[str]:
    """What is said about the variables of an environment, beside an intacct.toml."""
    (tmp_path / "intacct.toml").write_text(text, "utf-8")
    return unread_variables(SettingsSources(environ, project=tmp_path, config=tmp_path / "config"))


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("INTACCT_USER_PASWORD", "; did you mean INTACCT_USER_PASSWORD?"),
        ("INTACCT_COMPANYID", "; did you mean INTACCT_COMPANY_ID?"),
        ("INTACCT_RUNHISTORY", "; did you mean INTACCT_RUN_HISTORY?"),
        ("INTACCT_FOO", ""),
        ("INTACCT_", ""),
    ],
)
def test_a_variable_that_no_program_reads_is_told(tmp_path: Path, variable: str, meant: str) -> None:
    assert unread(tmp_path, **{variable: "x", "HOME": "/home/anna"}) == [
        f"{variable} is set, and no program reads it{meant}"
    ]


@pytest.mark.parametrize("variable", [*CONNECTION_VARIABLES, *PROGRAM_VARIABLES])
def test_our_variables_are_not(tmp_path: Path, variable: str) -> None:
    assert unread(tmp_path, **{variable: "x"}) == []


@pytest.mark.parametrize(
    "text",
    [
        '[connections.books]\nuser_password = {env = "INTACCT_BOOKS"}\n',
        '[senders.ours]\nsender_password = {env = "INTACCT_BOOKS"}\n',
        '[notify.team]\nurl = "https://example.com"\nheaders = {Authorization = {env = "INTACCT_BOOKS"}}\n',
    ],
)
def test_a_variable_that_a_file_refers_to_is_read(tmp_path: Path, text: str) -> None:
    assert unread(tmp_path, text, INTACCT_BOOKS="x") == []


def test_the_list_has_every_variable_that_the_source_names() -> None:
    sources = (path.read_text("utf-8") for path in (ROOT / "packages").rglob("src/**/*.py"))
    named = {name for text in sources for name in re.findall(r"\bINTACCT_[A-Z]+(?:_[A-Z]+)*\b", text)}
    assert named - {"INTACCT_BOOKS_PASSWORD"} <= {*CONNECTION_VARIABLES, *PROGRAM_VARIABLES}
    assert set(PROGRAM_VARIABLES) <= named
