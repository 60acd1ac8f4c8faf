"""`intacct fleet run`, `work` and `workers`: the runs of a fleet, and the processes that carry them out."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import command
from intacct_bridge.apps.cli.context import CommandContext, file_option, number_option
from intacct_bridge.apps.cli.fleet.fleet_option import with_fleet
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, FLEET_DATABASE
from intacct_bridge.apps.terminal.failures import report
from intacct_bridge.apps.terminal.tables import Count
from intacct_bridge.machine.replaced_file import replaced
from intacct_bridge.operations.exit_statuses import INTERRUPTED, TERMINATED
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.fleets import Fleet, FleetWorker, FlowEnd, QueuedRun

ALL = "all"
_THREADS = 16
_MINUTES = 360
_GRACE = 25.0
"""Seconds from the first signal to the end; schedulers kill a process 30 s or more after it."""
_LOOK_EVERY = 0.5
"""Seconds between two looks for results of requested runs."""

threads_option = number_option(
    "--threads", "Run this many flows in parallel, not counting those that wait for Intacct.", least=1,
    most=200, default=_THREADS,
)  # fmt: skip
longest_option = number_option(
    "--longest-run", "End a run after this many minutes; the next one continues.", least=1, default=_MINUTES
)


class _Signals:
    """The first signal asks for an end, the second one ends the process."""

    def __init__(self) -> None:
        self.status = 0
        self.ending = threading.Event()

    def handle(self, number: int, _frame: object) -> None:
        if self.status:
            os._exit(self.status)
        self.status = TERMINATED if number == signal.SIGTERM else INTERRUPTED
        self.ending.set()


@contextmanager
def _signals() -> Iterator[_Signals]:
    signals = _Signals()
    before = {number: signal.signal(number, signals.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@command("work", exits={4: "the fleet's database cannot be reached, or other workers took over the runs"})
@threads_option
@longest_option
@file_option("--metrics", "Keep the worker's metrics in this file, in Prometheus's text format.")
@with_fleet(prints_table=False)
def work_command(
    context: CommandContext, fleet: "Fleet", *, threads: int, longest_run: int, metrics: Path | None
) -> int:
    """Carry out the due and the requested runs of the fleet, until Ctrl-C or SIGTERM.

    Start any number of workers, on any machine that has the fleet's key. If a worker is killed, another one carries
    out its runs. When a worker ends, its current runs have 25 seconds to reach a safe point. Another worker continues
    the others.

    \b
    Examples:
      intacct fleet work
      intacct fleet work --threads 32 --metrics /var/lib/node_exporter/fleet.prom --log-format json
    """
    from intacct_bridge.operations.fleets import BEAT

    with _signals() as signals:
        worker = _worker(context, fleet, threads, longest_run)
        worker.start()
        context.output.say(f"worker {worker.id}: {counted(threads, 'thread')}", worker=worker.id)
        lives = True
        while lives and not signals.ending.wait(BEAT):
            try:
                lives = worker.tick()
            except IntacctError as error:
                _end_worker(context, worker, report(error, context.output))
            if metrics is not None:
                _write_metrics(metrics, worker)
        if not lives:
            context.output.complain("Other workers have taken over the runs of this one. Start it again.")
        _end_worker(context, worker, signals.status or 4)
    return signals.status


@command("run", exits=CONNECTED | {1: "a run found failures", 5: ""})
@click.argument("name", metavar="NAME|all")
@click.argument("flow", required=False)
@threads_option
@longest_option
@with_fleet()
def run_command(
    context: CommandContext, fleet: "Fleet", *, name: str, flow: str | None, threads: int, longest_run: int
) -> int:
    """Run flows now, of one tenant or of all that are not paused. Wait for the results, and show them.

    Until then, this process is a worker like the others. Without FLOW, all flows of each tenant run. The exit status is
    that of the worst run.

    \b
    Examples:
      intacct fleet run acme nightly
      intacct fleet run all nightly --threads 32
    """
    from intacct_bridge.operations.fleets import BEAT, fleet_results, requested_runs

    keys = requested_runs(fleet, None if name == ALL else name, flow)
    with _signals() as signals:
        worker = _worker(context, fleet, threads, longest_run)
        fleet.queue.submit(keys)
        worker.start()
        ended = fleet_results(fleet, keys)
        beat = time.monotonic()
        while len(ended.results) < len(keys) and not signals.ending.wait(_LOOK_EVERY):
            if time.monotonic() - beat >= BEAT:
                beat = time.monotonic()
                try:
                    worker.tick()
                except IntacctError as error:
                    _end_worker(context, worker, report(error, context.output))
            ended = fleet_results(fleet, keys)
        if signals.status:
            _end_worker(context, worker, signals.status)
        rows = [
            (one.tenant, one.flow, one.outcome, Count(one.rows), Count(one.transactions), one.detail)
            for one in ended.results
        ]
        context.output.table(("tenant", "flow", "end", "rows", "transactions", "detail"), rows)
        if worker.close(_GRACE):
            _exit_now(ended.status)
    return ended.status


@command("workers", exits=FLEET_DATABASE)
@with_fleet()
def workers_command(context: CommandContext, fleet: "Fleet") -> None:
    """List the workers of the fleet. One that died is listed until another one has taken over its runs."""

    from intacct_bridge.operations.fleets import fleet_workers

    rows = [
        (worker.id, "working" if worker.alive else "died", worker.running, worker.threads, worker.version,
         f"{worker.started_at:%Y-%m-%d %H:%M:%S}", f"{worker.seen_at:%Y-%m-%d %H:%M:%S}")
        for worker in fleet_workers(fleet)
    ]  # fmt: skip
    columns = ("worker", "state", "running", "threads", "version", "started", "seen")
    context.output.table(columns, rows, empty="No worker runs. Start one: intacct fleet work")


COMMANDS = (work_command, run_command, workers_command)


def _worker(context: CommandContext, fleet: "Fleet", threads: int, longest_run: int) -> "FleetWorker":
    from intacct_bridge.apps.jobs.program import FlowRunner
    from intacct_bridge.operations.fleets import fleet_worker

    return fleet_worker(
        fleet,
        FlowRunner(),
        context.output,
        person=context.actor,
        threads=threads,
        longest_run=timedelta(minutes=longest_run),
        ended=lambda run, end: _log_end(context, run, end),
    )


def _log_end(context: CommandContext, run: "QueuedRun", end: "FlowEnd") -> None:
    from intacct_bridge.operations.fleets import detail_of
    from intacct_bridge.operations.runs import end_of

    outcome, detail = end_of(end.status).value, detail_of(end)
    facts: dict[str, Any] = {"tenant": run.tenant, "flow": run.flow}
    if end.run is not None:
        facts |= {"run": end.run.id, "rows": end.run.rows, "transactions": end.run.transactions}
    text = f"{run.tenant} {run.flow}: {outcome}{f': {detail}' if detail else ''}"
    if end.status:
        context.output.complain(text, **facts)
    else:
        context.output.detail(text, **facts)


def _end_worker(context: CommandContext, worker: "FleetWorker", status: int) -> None:
    """Close the worker and end the process at once, without waiting for threads of runs that were handed back."""
    left = worker.close(_GRACE)
    if left:
        context.output.complain(f"{counted(left, 'run')} handed back: another worker continues.")
    _exit_now(status)


def _exit_now(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _write_metrics(path: Path, worker: "FleetWorker") -> None:
    from intacct_bridge.operations.fleets import worker_metrics

    with replaced(path) as fresh:
        fresh.write_text(worker_metrics(worker), encoding="utf-8")
        fresh.chmod(0o644)  # the collector is another user; no metric is a secret
