"""What workers share: lives, due times and refused sign-ins, in a real PostgreSQL."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from intacct_bridge.fleet import Fleet
from intacct_bridge.fleet.run_queue import RunKey
from intacct_bridge.fleet.sealing import FleetKey
from intacct_bridge.fleet.tenant import Tenant
from intacct_bridge.fleet.tenant_work import FlowEnd, FlowToRun, StopSignal, TenantWork, wait_after
from intacct_bridge.fleet.work_state import Worker, WorkState
from intacct_bridge.runs.run import Run, RunError
from support.fleet.runs import begun

FLOWS = {"nightly": {"command": "extract", "to": "jsonl:out"}, "hourly": {"command": "extract", "to": "jsonl:out"}}
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def fleet(postgres: str) -> Iterator[Fleet]:
    with Fleet.open(postgres, FleetKey.new().text) as found:
        yield found


@pytest.fixture
def state(fleet: Fleet) -> Iterator[WorkState]:
    with closing(WorkState(fleet.registry.place)) as found:
        yield found


def add(fleet: Fleet, name: str = "acme", **schedule: str) -> Tenant:
    return fleet.add(name, settings={"company_id": name}, flows=FLOWS, schedule=schedule)


def worker(name: str) -> Worker:
    return Worker(name, "machine", 1, "1", 4, 0, START, START)


def due_at(state: WorkState, tenant: str, flow: str) -> datetime | None:
    rows = state._db.read("SELECT due_at FROM due WHERE tenant = ? AND flow = ?", (tenant, flow))
    return datetime.fromisoformat(rows[0][0]) if rows else None


def make_due(state: WorkState, tenant: str, flow: str, ago: timedelta) -> datetime:
    """As if no worker had run since then."""
    moment = state.now() - ago
    text = moment.isoformat(timespec="microseconds")
    with state._db.transaction():
        sql = "UPDATE due SET due_at = ?, start_at = ? WHERE tenant = ? AND flow = ?"
        state._db.execute(sql, (text, text, tenant, flow))
    return moment


def test_after_an_outage_a_flow_is_due_once_and_then_at_its_next_time(fleet: Fleet, state: WorkState) -> None:
    state.plan([add(fleet, nightly="every 10m")])
    missed = make_due(state, "acme", "nightly", timedelta(days=3))
    (due,) = state.due()
    assert due.key == RunKey("acme", "nightly", missed)
    state.submitted([due])
    assert state.due() == []
    following = due_at(state, "acme", "nightly")
    assert following is not None
    assert state.now() < following <= state.now() + timedelta(minutes=10)


def test_a_new_schedule_counts_at_once_and_one_that_is_taken_away_no_more(fleet: Fleet, state: WorkState) -> None:
    state.plan([add(fleet, nightly="every 10m", hourly="every 1h")])
    before = due_at(state, "acme", "hourly")
    make_due(state, "acme", "nightly", timedelta(hours=1))
    state.plan([fleet.change("acme", schedule={"nightly": "every 20m"})])
    assert state.due() == []
    assert due_at(state, "acme", "hourly") == before
    state.plan([fleet.change("acme", schedule={"nightly": None})])
    assert due_at(state, "acme", "nightly") is None
    fleet.remove("acme")
    state.drop_removed()
    assert due_at(state, "acme", "hourly") is None


def test_a_schedule_that_has_not_changed_keeps_its_due_time(fleet: Fleet, state: WorkState) -> None:
    tenant = add(fleet, nightly="every 10m")
    state.plan([tenant])
    missed = make_due(state, "acme", "nightly", timedelta(minutes=1))
    state.plan([fleet.change("acme", settings={"user_id": "other"})])
    assert due_at(state, "acme", "nightly") == missed


def test_runs_that_cron_makes_due_at_one_time_begin_within_a_minute_and_not_together(
    fleet: Fleet, state: WorkState
) -> None:
    state.plan([add(fleet, f"t{number}", nightly="0 2 * * *") for number in range(20)])
    rows = state._db.read("SELECT due_at, start_at FROM due")
    late = [datetime.fromisoformat(row[1]) - datetime.fromisoformat(row[0]) for row in rows]
    assert len({row[0] for row in rows}) == 1
    assert all(timedelta() <= one < timedelta(minutes=1) for one in late)
    assert len(set(late)) > 10


def test_a_clock_of_the_server_that_is_set_back_delays_no_flow(fleet: Fleet, state: WorkState) -> None:
    """Also where the run of the wrong time has the name of one that is to come."""
    right = datetime(2026, 11, 30, 1, tzinfo=UTC)
    now = [right]
    state._db.clock = lambda: now[0]
    tenant = add(fleet, nightly="0 2 * * *", hourly="every 30m")
    state.plan([tenant])
    now[0] = right + timedelta(hours=3)
    ran = {one.key.flow: one.key for one in state.due()}
    assert ran["nightly"].due_at == right + timedelta(hours=1)
    state.submitted(state.due())
    fleet.queue.count_unanswered("acme", lambda _: timedelta(days=1))
    now[0] = right
    state.plan([tenant])
    nightly, hourly = due_at(state, "acme", "nightly"), due_at(state, "acme", "hourly")
    assert nightly == right + timedelta(hours=1, microseconds=1)
    assert hourly is not None
    assert hourly <= right + timedelta(minutes=30)
    state.plan([tenant])
    assert due_at(state, "acme", "nightly") == nightly
    now[0] = right + timedelta(hours=1, minutes=2)
    assert {one.key.flow for one in state.due()} == {"nightly", "hourly"}


def test_a_paused_tenant_is_told_apart(fleet: Fleet, state: WorkState) -> None:
    state.plan([add(fleet, nightly="every 10m")])
    fleet.pause("acme")
    make_due(state, "acme", "nightly", timedelta(minutes=1))
    assert [one.paused for one in state.due()] == [True]


def test_a_retry_comes_before_the_next_time_of_a_long_schedule_and_not_before_that_of_a_short_one(
    fleet: Fleet, state: WorkState
) -> None:
    state.plan([add(fleet, nightly="every 30d", hourly="every 30s")])
    moment = state.retry(RunKey("acme", "nightly", START), timedelta(minutes=1))
    assert moment is not None
    assert due_at(state, "acme", "nightly") == moment
    assert state.retry(RunKey("acme", "hourly", START), timedelta(minutes=1)) is None


def _soon(true: Callable[[], bool]) -> None:
    """The server ends a closed session a moment later."""
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_retry_of_a_flow_without_a_schedule_is_due_once(fleet: Fleet, state: WorkState) -> None:
    add(fleet)
    assert state.retry(RunKey("acme", "nightly", START), timedelta()) is not None
    (due,) = state.due()
    state.submitted([due])
    assert due_at(state, "acme", "nightly") is None


def test_a_worker_that_ended_is_dead_after_a_while_and_one_that_lives_is_not(
    fleet: Fleet, state: WorkState, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = [0.0]
    monkeypatch.setattr("intacct_bridge.fleet.work_state.steady_seconds", lambda: steady[0])
    place = fleet.registry.place
    with closing(WorkState(place)) as other:
        other.enter(worker("other"))
        state.enter(worker("ours"))
        assert [(one.id, one.alive) for one in state.workers()] == [("other", True), ("ours", True)]
    _soon(lambda: not state.workers()[0].alive)
    assert state.dead() == []
    steady[0] += 9
    assert state.dead() == []
    state._db.clock = lambda: START  # what the server's clock shows does not matter
    steady[0] += 2
    assert state.dead() == ["other"]
    state.leave(["other"])
    assert state.beat("ours", 3)
    assert not state.beat("other", 0)
    assert [one.running for one in state.workers()] == [3]


def test_one_process_leads_and_one_process_runs_a_tenant(fleet: Fleet, state: WorkState) -> None:
    with closing(WorkState(fleet.registry.place)) as other:
        assert other.lead()
        assert not state.lead()
        assert other.hold_tenant("acme")
        assert not state.hold_tenant("acme")
        assert state.hold_tenant("beta")
        assert not state.hold_tenant("beta"), "another thread of this process runs it"
        other.release_tenant("acme")
        assert state.hold_tenant("acme")
    _soon(state.lead)


def test_refused_sign_ins_count_for_the_same_credentials_one_after_the_other(state: WorkState) -> None:
    assert [state.sign_in_refused("acme", "old") for _ in range(2)] == [1, 2]
    assert state.refused_sign_ins("acme", "new") == 0
    assert state.sign_in_refused("acme", "new") == 1
    state.signed_in("acme")
    assert state.refused_sign_ins("acme", "new") == 0


def test_two_fleets_in_one_database_do_not_see_each_other(postgres: str) -> None:
    states: list[Any] = []
    for schema in ("one", "two"):
        fleet = Fleet.open(f"{postgres}{'&' if '?' in postgres else '?'}schema={schema}", FleetKey.new().text)
        states.append(WorkState(fleet.registry.place))
        fleet.close()
    first, second = states
    with closing(first), closing(second):
        first.enter(worker("w"))
        assert second.workers() == []
        assert first.lead()
        assert second.lead()


def test_a_password_that_changes_during_a_run_is_in_no_kept_text(fleet: Fleet, state: WorkState) -> None:
    """An error of the run may still quote the password that it began with."""
    secrets = {"user_password": "earlier-password", "sender_id": "acme", "sender_password": "of-the-sender"}
    fleet.add("acme", settings={"company_id": "acme", "user_id": "bridge"}, secrets=secrets, flows=FLOWS)

    def changed_meanwhile(work: FlowToRun) -> FlowEnd:
        fleet.set_secrets("acme", {"user_password": "later-password"})
        return FlowEnd(1, None, RunError(f"refused: {work.connection.user_password}"))

    TenantWork(fleet, state, changed_meanwhile, stop=StopSignal()).carry_out(begun(fleet, "acme", "nightly", START))
    (status,) = fleet.status()
    (run,) = (one.last for one in status.flows if one.last is not None)
    assert run.detail.startswith("refused: ***")


# --- companies that do not answer


def test_the_time_until_the_next_run_doubles_up_to_an_hour() -> None:
    minutes = [wait_after(times) / timedelta(minutes=1) for times in (1, 2, 3, 4, 5, 6, 7, 8, 2_000)]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def carry_out(fleet: Fleet, state: WorkState, end: FlowEnd) -> str:
    """Carry out a run of acme with this end, and give the detail that is kept of it."""
    run = begun(fleet, "acme", "nightly", state.now())
    TenantWork(fleet, state, lambda _: end, stop=StopSignal()).carry_out(run)
    return fleet.queue.latest(["acme"])["acme", "nightly"].detail


def test_a_company_that_does_not_answer_is_asked_less_often_until_it_answers(
    fleet: Fleet, state: WorkState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intacct_bridge.fleet.waiting_runs.UNANSWERED_AFTER", 0.0)
    secrets = {"user_password": "of-the-user", "sender_id": "acme", "sender_password": "of-the-sender"}
    settings = {"company_id": "acme", "user_id": "bridge"}
    state.plan(
        [
            fleet.add("acme", settings=settings, secrets=secrets, flows=FLOWS, schedule={"nightly": "every 1m"}),
            add(fleet, "beta", nightly="every 1m"),
        ]
    )
    silence = FlowEnd(4, None, RunError("no answer"))
    assert "This run got no answer: by schedule, none begins before" in carry_out(fleet, state, silence)
    for times in (2, 3, 4):
        assert f"{times} runs one after the other got no answer" in carry_out(fleet, state, silence)
    (status, _) = fleet.status()
    next_due = {one.flow: one.next_due for one in status.flows}["nightly"]
    assert next_due is not None
    assert timedelta(minutes=7) < next_due - state.now() <= timedelta(minutes=8)
    make_due(state, "acme", "nightly", timedelta(seconds=2))
    make_due(state, "beta", "nightly", timedelta(seconds=1))
    assert [one.key.tenant for one in state.due()] == ["beta"]
    answered = Run(id="1", started=START, command="extract", status=1, transactions=1)
    carry_out(fleet, state, FlowEnd(1, answered, RunError("refused")))
    assert [one.key.tenant for one in state.due()] == ["acme", "beta"]
    assert fleet.queue.unanswered(["acme"]) == {}


def test_a_fault_that_comes_at_once_lets_no_run_wait(fleet: Fleet, state: WorkState) -> None:
    add(fleet)
    assert "got no answer" not in carry_out(fleet, state, FlowEnd(4, None, RunError("connection refused")))
    assert fleet.queue.unanswered(["acme"]) == {}


def test_a_tenant_that_is_added_again_does_not_wait(fleet: Fleet) -> None:
    add(fleet)
    fleet.queue.count_unanswered("acme", wait_after)
    fleet.remove("acme")
    assert fleet.queue.unanswered(["acme"]) == {}
