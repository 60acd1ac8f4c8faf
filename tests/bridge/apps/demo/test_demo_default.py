"""When a program that names no connection uses the demo's company."""

import shutil
from pathlib import Path

import pytest

from intacct_bridge.connections.demo_company import DATABASE, HOME, means_demo, remember_home
from support.apps.command_line import Intacct


@pytest.fixture
def directory(home: Path, company_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the demo's company, on a machine with nothing set up."""
    folder = home / "here"
    (folder / HOME).mkdir(parents=True)
    shutil.copy(company_file, folder / HOME / DATABASE)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("INTACCT_DEMO_HOME", raising=False)
    return folder


def test_the_demo_is_the_default_where_its_company_is_and_nothing_is_set_up(directory: Path) -> None:
    assert means_demo(None)
    assert means_demo(None, ("location_id",))
    assert not means_demo(None, ("company_id",))


def test_a_company_that_is_only_remembered_is_no_default(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember_home(directory / HOME)
    monkeypatch.chdir(directory.parent)
    assert means_demo("demo")
    assert not means_demo(None)


@pytest.mark.parametrize("variable", ["INTACCT_COMPANY_ID", "INTACCT_LOCATION_ID", "INTACCT_PROFILE"])
def test_the_demo_is_no_default_once_a_variable_speaks_of_a_connection(
    directory: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "x")
    assert not means_demo(None)


def test_the_demo_is_no_default_beside_a_connection(directory: Path) -> None:
    (directory / "intacct.toml").write_text('[connections.books]\ncompany_id = "books"\n', "utf-8")
    assert not means_demo(None)


def test_a_command_says_that_it_is_the_demo_company(directory: Path, intacct: Intacct) -> None:
    ran = intacct("query", "DEPARTMENT", "--limit", "1", "--select", "DEPARTMENTID")
    assert ran.status == 0
    assert ran.err.startswith("This is the demo company: no connection is set up here\n")
    assert "This is the demo company" not in intacct("query", "DEPARTMENT", "--connection", "demo").err
