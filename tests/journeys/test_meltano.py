"""A real Meltano runs the tap from the plugin definition in our docs, twice, and keeps its state."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.journeys.tapping import CREDENTIALS, Tap
from support.judges import judge
from support.repository import DOCS, python_path

pytestmark = pytest.mark.foreign
RECIPE = DOCS / "recipes" / "meltano.md"


def project(tap: Tap) -> Path:
    """A Meltano project with the recipe's plugin, our executable and the emulator's company."""
    definition = re.search(r"```yaml\nplugins:\n(.*?)```", RECIPE.read_text(), re.DOTALL)
    assert definition is not None
    place = tap.place / "project"
    place.mkdir()
    ours = place / "tap"
    ours.write_text(
        f'#!/bin/sh\nPYTHONPATH="{python_path()}" exec "{sys.executable}" -m intacct_bridge.apps.singer.tap "$@"\n'
    )
    ours.chmod(0o755)
    theirs = judge("target-jsonl") / "target-jsonl"
    extractor = definition[1].replace("    pip_url: intacct-bridge[data]\n", "")
    extractor = extractor.replace("executable: tap-intacct", f"executable: {ours}")
    for name in ("company_id", "sender_id", "user_id"):
        extractor = re.sub(rf"      {name}: \S+", f"      {name}: {CREDENTIALS[name]}", extractor)
    loader = f"""  loaders:
  - name: target-jsonl
    namespace: target_jsonl
    executable: {theirs}
    config: {{destination_path: {place}, do_timestamp_file: false}}
"""
    head = "version: 1\ndefault_environment: dev\nproject_id: 3f1a\nsend_anonymous_usage_stats: false\n"
    (place / "meltano.yml").write_text(f"{head}environments:\n- name: dev\nplugins:\n{extractor}{loader}")
    return place


def test_meltano_runs_the_recipe(tap: Tap) -> None:
    meltano = judge("meltano") / "meltano"
    place = project(tap)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tap.place),
        "TAP_INTACCT_API_URL": tap.url,
        "TAP_INTACCT_SENDER_PASSWORD": CREDENTIALS["sender_password"],
        "TAP_INTACCT_USER_PASSWORD": CREDENTIALS["user_password"],
        "MELTANO_HUB_URL": "http://127.0.0.1:9",
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [meltano, *arguments], cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
        return done.stdout + done.stderr

    run("run", "tap-intacct", "target-jsonl")
    landed = {path.stem: path.read_text().splitlines() for path in place.glob("*.jsonl")}
    for stream in ("VENDOR", "APBILL", "APBILLITEM"):
        assert len(landed[stream]) == tap.emulator.company().table(stream).count() > 0
    state = json.loads(run("--log-level=warning", "state", "get", "dev:tap-intacct-to-target-jsonl").splitlines()[0])
    assert "APBILL" in str(state)

    run("run", "tap-intacct", "target-jsonl")
    again = {path.stem: path.read_text().splitlines() for path in place.glob("*.jsonl")}
    assert {name: len(lines) for name, lines in again.items()} == {name: len(lines) for name, lines in landed.items()}
    shutil.rmtree(place / ".meltano", ignore_errors=True)
