"""The recipes for Airflow, Dagster and Prefect, run in these programs; other files against their schemas.

Each scheduler runs `intacct run` on an emulated company, in its own process. A flow that fails for good is not retried.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intacct_emulator.server.server import serve
from support.apps.http_reader import HttpReader
from support.judges import judge
from support.repository import DOCS
from support.small_company import Clock, little_company

pytestmark = pytest.mark.foreign

RECIPES = DOCS / "recipes"
FLOWS = """
[flows.nightly]
command = "extract"
streams = ["VENDOR"]
to = "csv:copy"

[flows.check]
command = "extract"
streams = ["VENDOR"]
to = "jsonl:second"
"""
DAGSTER = (
    "from recipe import intacct_nightly as job\nr = job.execute_in_process(raise_on_error=False)\nassert r.success"
)
PREFECT = "from recipe import intacct_nightly as flow\nassert flow(return_state=True).is_completed()"
KESTRA = {
    # https://kestra.io/docs/workflow-components: id, namespace and tasks are required, and each task has id and type
    "type": "object",
    "required": ["id", "namespace", "tasks"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^[a-zA-Z0-9][a-zA-Z0-9._-]*$"},
        "namespace": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*$"},
        "concurrency": {
            "type": "object",
            "required": ["limit"],
            "properties": {"limit": {"type": "integer"}, "behavior": {"enum": ["QUEUE", "CANCEL", "FAIL"]}},
        },
        "tasks": {"$ref": "#/$defs/plugins"},
        "triggers": {"$ref": "#/$defs/plugins"},
    },
    "$defs": {
        "plugins": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "type"],
                "properties": {"type": {"type": "string", "pattern": r"^io\.kestra\.plugin\.[\w.]+$"}},
            },
        }
    },
}
N8N = {
    # an exported workflow: https://docs.n8n.io/workflows/export-import/
    "type": "object",
    "required": ["name", "nodes", "connections"],
    "properties": {
        "nodes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "name", "type", "typeVersion", "position", "parameters"],
                "properties": {
                    "position": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
                },
            },
        },
        "connections": {"type": "object"},
    },
}


def block(page: str, language: str, number: int = 0) -> str:
    text = (RECIPES / page).read_text("utf-8")
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return found[number]


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a scheduler: a company, and `intacct` on the path."""
    (tmp_path / "intacct.toml").write_text(FLOWS)
    for name in ("bin", "home", "home/.prefect"):
        (tmp_path / name).mkdir()
    program = tmp_path / "bin" / "intacct"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={os.pathsep.join(sys.path)} exec {sys.executable} -m intacct_bridge "$@"\n'
    )
    program.chmod(0o755)
    emulator = little_company(Clock())
    with serve(emulator) as server:
        yield {
            "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
            "HOME": str(tmp_path / "home"),
            "INTACCT_RUN_HISTORY": str(tmp_path / "runs.sqlite3"),
            "DO_NOT_TRACK": "1",
            **HttpReader(server.url).environ,
        }
    emulator.close()


def run(words: list[str | Path], at: Path, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, cwd=at, env=environ, capture_output=True, text=True, check=False)


def ends(environ: dict[str, str], at: Path) -> list[tuple[str, str]]:
    """(flow, end) of every run, the first first."""
    listed = run([at / "bin" / "intacct", "runs", "list", "--json"], at, environ)
    runs: list[dict[str, Any]] = json.loads(listed.stdout)
    return [(one["flow"], one["end"]) for one in reversed(runs)]


@pytest.mark.parametrize(
    ("tool", "number", "code", "more"),
    [
        ("dagster", 0, DAGSTER, {"DAGSTER_DISABLE_TELEMETRY": "true"}),
        ("prefect", 1, PREFECT, {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "240"}),
    ],
)
def test_a_scheduler_runs_the_flow_and_gives_up_where_a_person_is_needed(
    environ: dict[str, str], tmp_path: Path, tool: str, number: int, code: str, more: dict[str, str]
) -> None:
    (tmp_path / "recipe.py").write_text(block("schedulers.md", "python", number))
    python = judge(tool) / "python"
    words: list[str | Path] = [python, "-c", code]
    done = run(words, tmp_path, {**environ, **more})
    assert done.returncode == 0, done.stderr[-3000:]
    assert ends(environ, tmp_path) == [("nightly", "done")]
    refused = run(words, tmp_path, {**environ, **more, "INTACCT_USER_PASSWORD": "wrong"})
    assert refused.returncode != 0
    assert ends(environ, tmp_path) == [("nightly", "done"), ("nightly", "refused")], "it is not tried again"


def test_airflow_runs_both_flows_in_their_order(environ: dict[str, str], tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "recipe.py").write_text(block("airflow.md", "python"))
    airflow = judge("apache-airflow") / "airflow"
    settings = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
    }
    for words in (("db", "migrate"), ("dags", "reserialize"), ("dags", "test", "intacct_nightly")):
        done = run([airflow, *words], tmp_path, {**environ, **settings})
        assert done.returncode == 0, done.stderr[-3000:]
    assert ends(environ, tmp_path) == [("nightly", "done"), ("check", "done")]


def test_files_fit_their_schemas(tmp_path: Path) -> None:
    checker = judge("check-jsonschema") / "check-jsonschema"
    for name, text in (
        ("actions.yml", block("schedulers.md", "yaml", 1)),
        ("kestra.yml", block("schedulers.md", "yaml", 0)),
        ("n8n.json", block("schedulers.md", "json")),
        ("kestra-schema.json", json.dumps(KESTRA)),
        ("n8n-schema.json", json.dumps(N8N)),
    ):
        (tmp_path / name).write_text(text)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    for words in (
        ("--builtin-schema", "vendor.github-workflows", "actions.yml"),
        ("--schemafile", "kestra-schema.json", "kestra.yml"),
        ("--schemafile", "n8n-schema.json", "n8n.json"),
    ):
        done = run([checker, *words], tmp_path, environ)
        assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "actions.yml").write_text(block("schedulers.md", "yaml", 1).replace("runs-on:", "runs-at:"))
    wrong = run([checker, "--builtin-schema", "vendor.github-workflows", "actions.yml"], tmp_path, environ)
    assert wrong.returncode == 1


def test_the_workflow_of_n8n_uses_nodes_and_options_as_n8n_itself_describes_them(tmp_path: Path) -> None:
    """By the descriptions in n8n's own package of nodes, which is unpacked and not installed."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed, so that n8n's own descriptions cannot be had")
    packed = subprocess.run(
        ["npm", "pack", "--silent", N8N_NODES], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if packed.returncode:
        pytest.skip(f"{N8N_NODES} cannot be had here: {packed.stderr[-300:]}")
    with tarfile.open(tmp_path / packed.stdout.split()[-1]) as archive:
        file = archive.extractfile("package/dist/types/nodes.json")
        assert file is not None
        described = {f"n8n-nodes-base.{one['name']}": one for one in json.load(file)}
    for node in json.loads(block("schedulers.md", "json"))["nodes"]:
        one = described[node["type"]]
        versions = one["version"] if isinstance(one["version"], list) else [one["version"]]
        assert node["typeVersion"] in versions
        assert_described(node["parameters"], one["properties"])


N8N_NODES = "n8n-nodes-base@2.41.2"


def assert_described(given: dict[str, Any], properties: list[dict[str, Any]]) -> None:
    """Every parameter is one of the described ones, and every choice one of the options."""
    named: dict[str, list[dict[str, Any]]] = {}
    for one in properties:
        named.setdefault(one["name"], []).append(one)
    for name, value in given.items():
        assert name in named, name
        for one in named[name]:
            if one["type"] == "fixedCollection":
                collections = {inner["name"]: inner["values"] for inner in one["options"]}
                for key, entries in value.items():
                    for entry in entries if isinstance(entries, list) else [entries]:
                        assert_described(entry, collections[key])
        choices = [choice["value"] for one in named[name] if one["type"] == "options" for choice in one["options"]]
        assert not choices or value in choices, (name, value)
