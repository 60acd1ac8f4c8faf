"""A worker that is killed between the commit of *sent* and the answer: the later runs settle what it left."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intacct_bridge.fleet.run_queue import TenantRun
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres_link import open_link
from intacct_protocol.model.sql_text import literal, quoted
from support.fleet.workers import ENTRIES, ServedFleet, ended, post_flow, served_fleet, submit, titles, until
from support.relay import Relay, relayed
from support.small_company import Clock

pytestmark = pytest.mark.slow

_TIMES = {
    "entry": ("planned_at", "sent_at", "last_sent_at", "changed_at"),
    "slot": ("taken_at", "free_at"),
    "due": ("due_at", "start_at"),
}
_POSTING = b"<create>"


@dataclass
class Killed:
    """A fleet of one company whose worker was killed with a posting under way."""

    served: ServedFleet
    relay: Relay

    @property
    def last(self) -> TenantRun:
        """The run that ended last."""
        return max(ended(self.served), key=_end)

    def waits(self, runs: int) -> None:
        """Wait until so many runs have ended."""
        until(lambda: len(ended(self.served)) == runs, f"{runs} runs have ended")

    def tried_again_in(self) -> timedelta:
        """How long after the last run the next one is due."""
        (due,) = _texts(self.served.fleet.registry.place, "SELECT start_at FROM due")
        return datetime.fromisoformat(due) - _end(self.last)


@pytest.fixture(params=["the gateway had posted it", "the gateway never received it"])
def killed(request: pytest.FixtureRequest, postgres: str, tmp_path: Path) -> Iterator[Killed]:
    clock = Clock()
    clock.now = datetime.now(UTC).replace(microsecond=0)
    with served_fleet(postgres, tmp_path, clock) as served, relayed(served.url) as relay:
        relay.keep, relay.passes_on = _POSTING, "had" in request.param
        served.url = relay.url
        names = served.add(1, {"post": post_flow(tmp_path)})
        worker = served.start("work", "--threads", "2")
        submit(served, names, flows=("post",))
        kept = relay.kept.wait(30)
        assert kept, [run.detail for run in ended(served)]
        worker.kill()
        worker.wait()
        relay.keep = b""
        served.start("work", "--threads", "2")
        yield Killed(served, relay)


def test_a_load_that_was_killed_while_it_sent_posts_each_entry_once_later(killed: Killed) -> None:
    served = killed.served
    killed.waits(1)
    assert killed.last.outcome == "failures"
    assert "It is tried again at" in killed.last.detail
    after = killed.tried_again_in()
    assert timedelta(minutes=16) < after <= timedelta(minutes=18)
    assert len(titles(served, "c0")) == (ENTRIES if killed.relay.passes_on else 0)

    pass_time(served, "c0", after)
    killed.waits(2)
    if not killed.relay.passes_on:  # what is not found may not be sent again before an hour has passed
        assert killed.last.outcome == "in doubt"
        assert titles(served, "c0") == []
        pass_time(served, "c0", killed.tried_again_in())
        killed.waits(3)

    assert killed.last.outcome == "done", killed.last.detail
    assert titles(served, "c0") == sorted(f"E-{number}" for number in range(ENTRIES))
    (status,) = served.fleet.status()
    assert not status.in_doubt
    place = served.fleet.registry.place
    assert _texts(place, "SELECT flow FROM due") == []
    schema = served.fleet.schema(served.fleet.tenant("c0"))
    lost = served.fleet.usage()["c0"] - served.emulator.transactions("c0").total
    assert lost == 0 if killed.relay.passes_on else 0 < lost <= ENTRIES  # counted before it was sent
    assert set(_texts(place, f"SELECT status FROM {quoted(schema)}.entry")) == {"applied"}


def _end(run: TenantRun) -> datetime:
    assert run.ended_at is not None
    return run.ended_at


def pass_time(served: ServedFleet, name: str, time: timedelta) -> None:
    """Move all times of a tenant's sendings, slots and due runs into the past, and the gateway's clock on."""
    place, own = served.fleet.registry.place, served.fleet.schema(served.fleet.tenant(name))
    schemas = {"entry": own, "slot": own, "due": place.schema}
    link = open_link(place)
    try:
        for table, columns in _TIMES.items():
            moved = ", ".join(
                f"{column} = to_char({column}::timestamptz AT TIME ZONE 'UTC' - {literal(str(time))}::interval,"
                f""" 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00')"""
                for column in columns
            )
            link.execute_simple(f"UPDATE {quoted(schemas[table])}.{table} SET {moved}")
    finally:
        link.close()


def _texts(place: PostgresPlace, sql: str) -> list[str]:
    link = open_link(place)
    try:
        link.execute_simple(f"SET search_path TO {quoted(place.schema)}")
        return [str(row[0]) for row in link.execute_simple(sql).rows or ()]
    finally:
        link.close()
