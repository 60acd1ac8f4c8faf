"""The page on flows, run as written on the demo company, in one history."""

import json
import re
import shlex
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intacct_bridge.apps.terminal.exit_statuses import MEANINGS
from intacct_bridge.connections.sources import SettingsSources
from intacct_bridge.runs.channels import find_channels
from intacct_bridge.runs.definitions import find_flow
from intacct_bridge.runs.metrics import metrics_of
from intacct_bridge.runs.run import RunEnd, end_of
from support.apps.command_line import Intacct
from support.repository import DOCS

PAGE = (DOCS / "flows.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_page_do_what_it_says(
    demo: Intacct, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("INTACCT_RUN_HISTORY", str(tmp_path / "runs.sqlite3"))
    Path("intacct.toml").write_text(blocks("toml")[0])
    Path("classes.csv").write_text("CLASSID,NAME\nF-1,One\n")
    commands = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
    assert len(commands) == 11
    printed = {line: demo(*shlex.split(line)[1:]) for line in commands}
    assert {line: ran.status for line, ran in printed.items() if ran.status} == {}
    both = json.loads(printed["intacct run nightly classes --json"].out)
    assert [one["end"] for one in both["flows"]] == ["done", "done"]
    assert "duckdb:///demo.duckdb" in printed["intacct flows show nightly"].out
    assert "nightly" in printed["intacct runs list"].out
    assert "100.0%" in printed["intacct runs stats"].out


def test_the_page_names_every_end_and_metric() -> None:
    for status in MEANINGS:
        assert any(f"{end_of(status).value} |" in line and str(status) in line for line in PAGE.splitlines()), status
    assert f"| {RunEnd.KILLED.value} |" in PAGE
    names = {metric.name for metric in metrics_of([], [], datetime.now(UTC))}
    assert set(re.findall(r"`(intacct_\w+)`", PAGE)) == names


def test_the_definitions_of_the_page_are_read(tmp_path: Path) -> None:
    _, ledger, receivers = blocks("toml")
    (tmp_path / "intacct.toml").write_text(f"{ledger}\n{receivers}")
    secrets = {"WAREHOUSE_URI": "postgresql://db/x", "SMTP_PASSWORD": "p", "CHAT_WEBHOOK": "https://chat.example.com/x"}
    sources = SettingsSources(environ=secrets, project=tmp_path, config=tmp_path / "none")
    assert find_flow("ledger", sources).on("books").connection == "books"
    names = tuple(tomllib.loads(receivers)["notify"])
    assert [one.kind for one in find_channels(names, sources)] == ["mail", "webhook", "command"]
