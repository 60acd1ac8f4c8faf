"""`intacct fleet demo`: a small demo, and that its checks can fail."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intacct_bridge.apps.demo.fleet_demo import fleet_of_companies
from intacct_bridge.apps.demo.fleet_demo_checks import checks
from intacct_bridge.shared_state.place import PostgresPlace
from support.apps.command_line import Intacct
from support.fleet.runs import begun

pytestmark = pytest.mark.slow


def test_a_night_of_six_companies_passes_its_checks(intacct: Intacct, postgres_server: str) -> None:
    done = intacct("fleet", "demo", "--companies", "6", "--database", postgres_server)
    assert done.status == 0, done.err
    assert "A worker was killed" in done.err
    assert done.err.count("ok      ") == 8
    assert "FAILED" not in done.err


def test_a_night_in_which_nothing_ran_or_something_is_twice_fails_its_checks(
    postgres_place: PostgresPlace, tmp_path: Path
) -> None:
    uri = f"{postgres_place.uri}&schema={postgres_place.schema}"
    with fleet_of_companies(uri, tmp_path, 6, as_of=datetime.now(UTC).date()) as demo:
        name = demo.well[0]
        demo.spare = Counter()
        table = demo.emulator.company(name).table("GLBATCH")
        for _ in range(2):
            table.insert({"REFERENCENO": f"NIGHT-{name}-1", "BATCH_TITLE": "Twice"})
        run = begun(demo.fleet, name, "copy", datetime.now(UTC))
        demo.killed = (run,)
        demo.runs = (replace(run, outcome="bug"),)
        found = {one.what.split(":")[0]: one for one in checks(demo)}
    failed = [what for what, one in found.items() if one.wrong]
    assert len(failed) == 6, failed
    assert any(f"NIGHT-{name}-1 is there 2 times" in " ".join(one.wrong) for one in found.values())
