"""The history of runs: what ran, how it ended, what it cost, and its log."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from intacct_bridge.runs.history import RunHistory, history_place, open_history
from intacct_bridge.runs.metrics import write_metrics
from intacct_bridge.runs.recorder import RunRecorder
from intacct_bridge.runs.run import LIBRARY, RecordCounts, Run, RunEnd, RunError, StreamCount, end_of
from intacct_bridge.runs.statistics import FlowStatistics, MonthUsage, flow_statistics, monthly_usage
from intacct_protocol.errors import IntacctError, SettingsError

__all__ = [
    "LIBRARY",
    "FlowStatistics",
    "LogLine",
    "MonthUsage",
    "RecordCounts",
    "Run",
    "RunEnd",
    "RunError",
    "RunFilter",
    "RunRecorder",
    "RunStatistics",
    "RunsOverview",
    "StreamCount",
    "end_of",
    "find_run",
    "has_history",
    "last_run_of",
    "list_runs",
    "note_moved_file",
    "run_log",
    "run_statistics",
    "runs_overview",
    "write_metrics_of_all",
]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are meant; an empty text stands for all."""

    flow: str = ""
    command: str = ""
    connection: str = ""
    failed: bool = False
    """Only runs that did not do what was asked of them."""
    limit: int = 0
    """The most runs to list, the latest first; 0 for all."""


def has_history() -> bool:
    """Whether runs are kept: the history can be switched off."""
    return history_place() is not None


def list_runs(chosen: RunFilter = RunFilter()) -> list[Run]:
    """The runs that are meant, the latest first."""
    with open_history() as history:
        runs = history.runs(flow=chosen.flow, command=chosen.command, connection=chosen.connection)
        chosen_runs = (run for run in runs if not chosen.failed or not (run.end.is_as_asked or run.alive))
        return list(islice(chosen_runs, chosen.limit or None))


def find_run(begun: str) -> Run:
    """The run with that id, or whose id begins so. SettingsError if there is none, or more than one."""
    with open_history() as history:
        return history.find(begun)


def last_run_of(flow: str) -> Run | None:
    """The latest run of a flow; None if there is none, or no history that can be read."""
    place = history_place()
    if place is None:
        return None
    with closing(RunHistory(place)) as history:
        try:
            return next(history.runs(flow=flow, limit=1), None)
        except SettingsError:
            return None


@dataclass(frozen=True, slots=True)
class LogLine:
    """A message of a run."""

    time: str
    level: str
    message: str


def run_log(run: Run) -> list[LogLine]:
    """The log of a run; empty if it has none, or no longer."""
    path = Path(run.log) if run.log else None
    if path is not None:
        return log_lines(path.read_text("utf-8").splitlines()) if path.exists() else []
    with open_history() as history:
        return log_lines(history.log(run.id))


def note_moved_file(before: Path, after: Path) -> None:
    """Let the latest run that names a file of refused rows name it by its new name.

    A history that cannot be used keeps the earlier name, since the records are posted by then.
    """
    with suppress(IntacctError, OSError), open_history() as history:
        history.move_file(str(before.absolute()), str(after.absolute()))


def log_lines(texts: Iterable[str]) -> list[LogLine]:
    """The messages in the lines of a log."""
    lines = (json.loads(text) for text in texts if text.startswith("{"))
    return [LogLine(line.get("time", ""), line.get("level", ""), line.get("message", "")) for line in lines]


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """What runs came to."""

    flows: tuple[FlowStatistics, ...]
    """Of each flow, and of each command outside flows, in the days asked for."""
    usage: tuple[MonthUsage, ...]
    """Of each connection and month, as far as the history goes."""
    runs: int
    """The runs in the history that were counted."""


def run_statistics(*, days: int, flow: str = "", connection: str = "", metrics: Path | None = None) -> RunStatistics:
    """The success rates of the last days, and the usage by month; `metrics` is a file that gets all of it, too."""
    runs = list_runs(RunFilter(flow, connection=connection))
    since = datetime.now(UTC) - timedelta(days=days)
    if metrics is not None:
        write_metrics(metrics, runs)
    flows = flow_statistics(run for run in runs if run.started >= since)
    return RunStatistics(tuple(flows), tuple(monthly_usage(runs)), len(runs))


@dataclass(frozen=True, slots=True)
class RunsOverview:
    """What ran on this machine lately."""

    flows: tuple[FlowStatistics, ...]
    """Of each flow, and of each command outside flows, in the days asked for."""
    usage: Mapping[str, MonthUsage]
    """This month's, by connection."""
    last: Mapping[str, Run]
    """The last run of each connection, however old it is."""


def runs_overview(connections: Sequence[str], *, days: int) -> RunsOverview:
    """The runs of the last days and of this month, and the last run of each connection."""
    if not has_history():
        return RunsOverview((), {}, {})
    now = datetime.now(UTC)
    since, month = now - timedelta(days=days), now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with open_history() as history:
        runs = list(history.runs(since=min(since, month)))
        last = {name: run for name in connections for run in history.runs(connection=name, limit=1)}
    flows = flow_statistics(run for run in runs if run.started >= since)
    usage: dict[str, MonthUsage] = {}
    for used in monthly_usage(runs):
        if used.month == f"{now:%Y-%m}":
            usage.setdefault(used.connection, used)
    return RunsOverview(tuple(flows), usage, last)


def write_metrics_of_all(path: Path) -> None:
    """Write the metrics of all runs in Prometheus's text format; nothing if there is no history."""
    if has_history():
        write_metrics(path, list_runs())
