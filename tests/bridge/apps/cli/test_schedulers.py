"""The recipes for schedulers and the page on operation: scripts run, commands run, names exist."""

import json
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.terminal.exit_statuses import MEANINGS
from intacct_bridge.runs.metrics import metrics_of
from support.apps.command_line import Intacct
from support.repository import DOCS

SCHEDULERS, OPERATE = ((DOCS / page).read_text("utf-8") for page in ("recipes/schedulers.md", "operate.md"))
FLOW = '[flows.nightly]\ncommand = "extract"\nconnection = "demo"\nstreams = ["DEPARTMENT"]\nto = "csv:copy"\n'
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""Minute, hour, day of the month, month and day of the week, as POSIX has them for crontab."""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def is_time(fields: list[str]) -> bool:
    for field, (least, most) in zip(fields, RANGES, strict=True):
        for part in field.split(","):
            numbers = [] if part == "*" else part.split("-")
            if not all(one.isdecimal() and least <= int(one) <= most for one in numbers) or len(numbers) > 2:
                return False
    return True


def test_the_crontab_follows_the_syntax_of_cron() -> None:
    (table,) = blocks(SCHEDULERS, "crontab")
    lines = [line for line in table.splitlines() if line]
    entries = [line for line in lines if not re.match(r"[A-Z]+=", line)]
    assert len(entries) == 2
    assert all(is_time(line.split()[:5]) for line in entries)
    assert not is_time(["60", "2", "*", "*", "*"])
    assert all("%" not in line for line in entries), "cron would end the command there"
    others = re.findall(
        r"cron(?:_schedule|Expression)?\"?[=:] ?\"([\d* -]+)\"|\"expression\": \"([^\"]+)\"", SCHEDULERS
    )
    assert len(others) == 5
    assert all(is_time("".join(found).split()) for found in others)


@pytest.mark.parametrize(
    ("statuses", "end", "starts"), [([0], 0, 1), ([4, 4, 0], 0, 3), ([4] * 9, 4, 4), ([5, 0], 5, 1), ([4, 3], 3, 2)]
)
def test_only_a_temporary_fault_is_tried_again(tmp_path: Path, statuses: list[int], end: int, starts: int) -> None:
    """The script of the page, with a program in the place of `intacct` that ends as the case says."""
    script = tmp_path / "run-flow"
    script.write_text(blocks(SCHEDULERS, "sh")[0])
    (tmp_path / "statuses").write_text("".join(f"{one}\n" for one in statuses))
    (tmp_path / "intacct").write_text(
        '#!/bin/sh\necho "$@" >>words\nstatus=$(head -n 1 statuses)\nsed -i 1d statuses\nexit "$status"\n'
    )
    (tmp_path / "sleep").write_text("#!/bin/sh\n")
    for name in ("run-flow", "intacct", "sleep"):
        (tmp_path / name).chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    ended = subprocess.run([script, "nightly", "check"], cwd=tmp_path, env=path, check=False)
    assert ended.returncode == end
    assert (tmp_path / "words").read_text().splitlines() == ["run nightly check -q"] * starts


def test_the_commands_of_both_pages_run(demo: Intacct, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INTACCT_RUN_HISTORY", str(tmp_path / "runs.sqlite3"))
    Path("intacct.toml").write_text(FLOW)
    lines = [line for page in (OPERATE, SCHEDULERS) for block in blocks(page, "console") for line in block.splitlines()]
    assert len(lines) == 4
    for line in lines:
        ran = demo(*shlex.split(line.removeprefix("$ "))[1:])
        assert ran.status == 0, (line, ran.err)
    assert json.loads(demo("runs", "list", "--limit", "1", "--json").out)[0]["flow"] == "nightly"
    if shutil.which("systemd-analyze"):
        units = sorted(Path("units").iterdir())
        assert [one.suffix for one in units] == [".service", ".timer"]
        subprocess.run(["systemd-analyze", "verify", *units], check=True, capture_output=True)


def test_the_page_on_operation_names_every_exit_status_and_only_metrics_that_exist() -> None:
    table = OPERATE.split("## What to do for each exit status")[1].split("##")[0]
    told = {
        int(one) for row in table.splitlines() for one in re.findall(r"\d+", row.split("|")[1] if "|" in row else "")
    }
    assert told == set(MEANINGS)
    names = {metric.name for metric in metrics_of([], [], datetime.now(UTC))}
    used = set(re.findall(r"\b(intacct_\w+)", "\n".join(re.findall(r"expr: (.*)", OPERATE))))
    assert used <= names
    assert len(used) == 5


def test_the_backup_of_an_outbox_has_what_was_posted(demo: Intacct, tmp_path: Path) -> None:
    """The page's command, while the outbox is open and its log is not yet in the file."""
    import sqlite3

    if shutil.which("sqlite3") is None:
        pytest.skip("the program sqlite3 is not here")
    assert demo("create", "CLASS", "CLASSID=B-1", "NAME=Backed up", "--yes").status == 0
    (outbox,) = (one for one in tmp_path.rglob("outbox*") if one.suffix in (".sqlite", ".sqlite3"))
    with sqlite3.connect(outbox):
        environ = {"OUTBOX": str(outbox), "BACKUP": str(tmp_path / "backup.sqlite3"), "PATH": "/usr/bin:/bin"}
        subprocess.run(["sh", "-c", blocks(OPERATE, "sh")[0]], env=environ, check=True)
    with sqlite3.connect(tmp_path / "backup.sqlite3") as db:
        assert db.execute("SELECT status FROM entry").fetchall() == [("applied",)]


def test_the_workflow_of_n8n_connects_nodes_that_it_has() -> None:
    (text,) = blocks(SCHEDULERS, "json")
    workflow: dict[str, Any] = json.loads(text)
    names = [node["name"] for node in workflow["nodes"]]
    ends = [end["node"] for outputs in workflow["connections"].values() for branch in outputs["main"] for end in branch]
    assert set(workflow["connections"]) | set(ends) <= set(names)
    assert len({node["id"] for node in workflow["nodes"]}) == len(names)
