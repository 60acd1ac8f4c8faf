"""Runs of a fleet as a worker begins them."""

from datetime import datetime

from intacct_bridge.fleet import Fleet
from intacct_bridge.fleet.run_queue import RunKey, TenantRun


def begun(fleet: Fleet, tenant: str, flow: str, due_at: datetime, *, worker: str = "a worker") -> TenantRun:
    """A run that was queued and that a worker has taken. The queue must hold no other run that could begin."""
    fleet.queue.submit([RunKey(tenant, flow, due_at)])
    (run,) = fleet.queue.take(worker, 1)
    assert run.key == RunKey(tenant, flow, due_at)
    return run
