"""The tap without Arrow: the same messages as with it, by a run that cannot import Arrow."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from support.journeys.tapping import Ran, Tap

STREAMS = ["VENDOR", "APBILL", "APBILLITEM", "GLBATCH", "GLDETAIL", "trial_balance", "DEPARTMENT"]


def without_arrow(place: Path) -> dict[str, str]:
    """An environment in which pyarrow cannot be imported."""
    (place / "pyarrow.py").write_text("raise ImportError('this run has no pyarrow')\n")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH", ""))))}


def sent(ran: Ran) -> list[str]:
    """The messages in an order of their own, without the time of the run; pages may come from both ends."""
    assert ran.status == 0, ran.err
    kept = []
    for message in ran.messages:
        plain: dict[str, Any] = {
            key: value for key, value in message.items() if key not in ("time_extracted", "version")
        }
        if plain["type"] != "STATE":
            kept.append(json.dumps(plain))
    return sorted(kept)


@pytest.mark.slow
def test_a_light_run_sends_the_same_messages_first_and_after_changes(tap: Tap, tmp_path: Path) -> None:
    options: dict[str, Any] = {"streams": STREAMS, "entity_column": "OWNED_BY", "decimals": "string"}
    (tmp_path / "hidden").mkdir()
    hidden = without_arrow(tmp_path / "hidden")
    arrow = tap.run("--config", tap.config(**options))
    light = tap.run("--config", tap.config(**options, without_arrow=True), environment=hidden)
    assert sent(light) == sent(arrow)
    assert len(light.records("GLDETAIL")) > 2000  # more than a page

    state = tap.keep("state.json", arrow.state)
    arrow = tap.run("--config", tap.config(**options), "--state", state)
    light = tap.run("--config", tap.config(**options, without_arrow=True), "--state", state, environment=hidden)
    assert sent(light) == sent(arrow)


def test_light_and_unified_do_not_go_together(tap: Tap) -> None:
    ran = tap.run("--config", tap.config(unified="v2", without_arrow=True), "--discover")
    assert ran.status == 2
    assert "unified and without_arrow do not go together" in ran.err
