"""The demo, twice: the second run uses the company of the first and posts nothing twice."""

import json
import re
import shutil
from pathlib import Path

import duckdb
import pytest

from intacct_bridge.connections.demo_company import DATABASE
from support.apps.command_line import Intacct


@pytest.fixture
def folder(home: Path, company_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo's home directory with an existing company, and few streams to read."""
    monkeypatch.setattr("intacct_bridge.streams.defaults.USUAL", ("GLACCOUNT", "VENDOR", "GLBATCH", "GLDETAIL"))
    found = home / "corvane"
    found.mkdir()
    shutil.copy(company_file, found / DATABASE)
    return found


@pytest.mark.slow
def test_a_second_run_uses_the_same_company_and_posts_nothing_twice(
    intacct: Intacct, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTACCT_RUN_HISTORY", str(folder / "runs.sqlite3"))
    first = intacct("demo", "--home", str(folder))
    second = intacct("demo", "--home", str(folder))
    assert (first.status, second.status) == (0, 0), second.said
    assert "11 journal entries, 249,337.85 on each side" in first.out
    assert len(re.findall(r"posted as GLBATCH \d+", first.out)) == 11
    assert "6 of 7 entries refused" in first.out
    assert "11 entries posted by an earlier run" in second.out
    assert "The copy matches the company" in first.out
    assert "The copy matches the company" in second.out
    assert "posted as" not in second.out
    entries = json.loads(
        intacct(
            "query", "GLBATCH", "--select", "BATCH_TITLE", "--where", "BATCH_TITLE = 'Bank fees November'", "--json",
            INTACCT_CONNECTION="demo", INTACCT_DEMO_HOME=str(folder),
        ).out
    )  # fmt: skip
    assert len(entries) == 1
    ran = json.loads(intacct("runs", "list", "--command", "demo", "--json").out)
    assert [(one["end"], one["records"]["posted"], one["records"]["already_in_intacct"]) for one in ran] == [
        ("done", 0, 11),
        ("done", 11, 0),
    ]
    with duckdb.connect(str(folder / "intacct.duckdb"), read_only=True) as copy:
        (found,) = copy.execute(
            """SELECT count(*) FROM "GLBATCH" WHERE "BATCH_TITLE" = 'Bank fees November'"""
        ).fetchall()
    assert found == (1,)


@pytest.mark.slow
def test_an_interrupted_demo_continues_where_it_stopped(
    intacct: Intacct, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from intacct_bridge.apps.demo.steps import Demo

    def interrupted(_: Demo) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Demo, "post", interrupted)
        stopped = intacct("demo", "--home", str(folder))
    assert stopped.status == 130
    assert "Traceback" not in stopped.said
    again = intacct("demo", "--home", str(folder))
    assert again.status == 0
    assert len(re.findall(r"posted as GLBATCH \d+", again.out)) == 11
