"""A loader killed with kill -9 between any two steps, over real HTTP; the next one carries on, and nothing is twice."""

import os
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.shared_state.place import Place, PostgresPlace
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import Reply
from support.journeys.killing import KILLED, Ended, Killer, creates, run_to_its_end
from support.load.journal import journal_layout
from support.load.ledger import HEADER
from support.repository import python_path
from support.small_company import Clock, client

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")]


def entries(folder: Path) -> Path:
    lines = "".join(
        f"GJ,2026-11-30,Entry {n},REF-{n},68000,{n}0.05,,,100,\nGJ,2026-11-30,Entry {n},REF-{n},10010,,{n}0.05,,100,\n"
        for n in (1, 2, 3)
    )
    path = folder / "entries.csv"
    path.write_text(HEADER + lines)
    return path


def load_until(moment: str, url: str, file: Path, place: Place, killer: Killer | None = None) -> Ended:
    """A loader in a process that ends itself at a step, or that the gateway kills."""
    path = f"{place.uri}&schema={place.schema}" if isinstance(place, PostgresPlace) else str(place)
    script = [sys.executable, "-m", "support.journeys.loader_process", url, str(file), path, moment]
    return run_to_its_end(killer, script, env={**os.environ, "PYTHONPATH": python_path(tests=True)})


@pytest.mark.parametrize("moment", ["planned", "begun", "before the work", "after the work", "answered", "concluded"])
def test_the_next_loader_carries_on_wherever_the_first_was_killed(
    tmp_path: Path, clock: Clock, emulator: Emulator, place: Place, moment: str
) -> None:
    file = entries(tmp_path)
    killer = Killer(emulator, creates)
    killer.arm(1 if moment.endswith("the work") else 0, after=moment == "after the work")
    with serve(killer) as server:
        first = load_until(moment, server.url, file, place, killer)
    assert first.status == KILLED, first.err
    assert "in doubt" not in first.out
    clock.forward(minutes=61)  # a little more: the process counted on with a clock of its own
    # a database cannot tell that a loader was killed, so that others wait until its request can run no more
    later = datetime.now(UTC) + timedelta(hours=1)
    with client(emulator) as gateway, Outbox(place, clock=lambda: later) as outbox:
        plan = make_plan(open_csv(file), journal_layout(), gateway, outbox)
        outcomes = list(Loader(gateway, outbox).apply(plan))
        assert {outcome.status for outcome in outcomes} <= {
            RecordStatus.APPLIED,
            RecordStatus.SETTLED,
            RecordStatus.UNCHANGED,
        }
        ends = list(outbox.entries())
    references = Counter(row["REFERENCENO"] for _, row in emulator.company().table("GLBATCH").rows())
    assert references == {"REF-1": 1, "REF-2": 1, "REF-3": 1}
    assert {one.status for one in ends} == {RecordStatus.APPLIED}
    keys = {str(row["RECORDNO"]) for _, row in emulator.company().table("GLBATCH").rows()}
    assert {one.receipt.record for one in ends if one.receipt} == keys


@pytest.mark.parametrize("moment", ["unpacking", "decoding"])
def test_an_answer_that_came_and_was_not_read_leaves_its_records_in_doubt_and_none_is_sent_again(
    tmp_path: Path, clock: Clock, emulator: Emulator, place: Place, moment: str
) -> None:
    file = entries(tmp_path)
    with serve(emulator) as server:
        ended = load_until(moment, server.url, file, place)
    assert ended.status == KILLED, ended.err
    first = {row["REFERENCENO"]: row["RECORDNO"] for _, row in emulator.company().table("GLBATCH").rows()}
    assert sorted(first) == ["REF-1", "REF-2"]
    again: list[str] = []

    def transport(endpoint: str, body: bytes) -> Reply:
        functions = decode_request(body).operations[0].functions
        again.extend(one.body.children[0].findtext("REFERENCENO") for one in functions if one.name == "create")
        return emulator(endpoint, body)

    later = datetime.now(UTC) + timedelta(hours=1)  # a database cannot tell that a loader was killed
    with client(transport) as gateway, Outbox(place, clock=lambda: later) as outbox:
        doubtful = outbox.begin_run("demo-user", lambda: gateway.company_time)
        assert [one.status for one in doubtful] == [RecordStatus.IN_DOUBT] * 2
        plan = make_plan(open_csv(file), journal_layout(), gateway, outbox)
        outcomes = {one.write.fields["REFERENCENO"]: one for one in Loader(gateway, outbox).apply(plan)}
    assert again == ["REF-3"]
    found = {name: (one.status, one.receipt.record if one.receipt else "") for name, one in outcomes.items()}
    assert found["REF-3"][0] is RecordStatus.APPLIED
    assert {name: found[name] for name in first} == {
        name: (RecordStatus.SETTLED, str(record)) for name, record in first.items()
    }
