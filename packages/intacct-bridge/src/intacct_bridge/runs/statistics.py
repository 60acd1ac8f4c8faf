"""Statistics of runs: the success rate by flow, and usage by connection and month against the allowance of the tier."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from intacct_bridge.runs.run import RecordCounts, Run, RunEnd


@dataclass(slots=True)
class FlowStatistics:
    """The runs of one flow, or of one command outside flows, on one connection."""

    flow: str
    """Empty for a command that is not a flow."""
    command: str
    connection: str
    runs: int = 0
    succeeded: int = 0
    failed: int = 0
    """All others, without those that still run or that a person stopped."""
    rows: int = 0
    records: RecordCounts = field(default_factory=RecordCounts)
    transactions: int = 0
    seconds: float = 0.0
    last: Run | None = None
    last_success: datetime | None = None

    @property
    def name(self) -> str:
        """The flow's name, else the command's."""
        return self.flow or self.command

    @property
    def success_rate(self) -> float | None:
        """Succeeded of those that count, 0 to 1; None if none counts."""
        ended = self.succeeded + self.failed
        return self.succeeded / ended if ended else None

    def add(self, run: Run) -> None:
        """Count a run; the latest comes first."""
        self.runs += 1
        if run.end.succeeded:
            self.succeeded += 1
            self.last_success = self.last_success or run.ended
        elif run.end.counts:
            self.failed += 1
        self.rows += run.rows
        self.records += run.records
        self.transactions += run.transactions
        self.seconds += (run.seconds() or 0.0) if run.end is not RunEnd.RUNNING else 0.0
        self.last = self.last or run


@dataclass(slots=True)
class MonthUsage:
    """The API transactions of one connection in one month, by UTC."""

    connection: str
    company: str
    month: str
    """As `2026-11`."""
    runs: int = 0
    transactions: int = 0
    allowance: int | None = None
    """The tier's transactions a month, as the connection says."""

    @property
    def share(self) -> float | None:
        """The part of the allowance that is used; None if no allowance is known."""
        return self.transactions / self.allowance if self.allowance else None


def flow_statistics(runs: Iterable[Run]) -> list[FlowStatistics]:
    """The statistics of each flow and command; `runs` are given the latest first."""
    by_flow: dict[tuple[str, str, str], FlowStatistics] = {}
    for run in runs:
        key = (run.flow, "" if run.flow else run.command, run.connection)
        if key not in by_flow:
            by_flow[key] = FlowStatistics(run.flow, run.command, run.connection)
        by_flow[key].add(run)
    return sorted(by_flow.values(), key=lambda one: (not one.flow, one.name, one.connection))


def monthly_usage(runs: Iterable[Run]) -> list[MonthUsage]:
    """The usage of each connection and month, the latest month first; `runs` are given the latest first."""
    usage: dict[tuple[str, str, str], MonthUsage] = {}
    for run in runs:
        key = (run.connection, run.company, f"{run.started:%Y-%m}")
        if key not in usage:
            usage[key] = MonthUsage(*key)
        month = usage[key]
        month.runs += 1
        month.transactions += run.transactions
        month.allowance = month.allowance if month.allowance is not None else run.monthly_transactions
    by_month: dict[str, list[MonthUsage]] = defaultdict(list)
    for month in usage.values():
        by_month[month.month].append(month)
    return [one for name in sorted(by_month, reverse=True) for one in sorted(by_month[name], key=_by_connection)]


def _by_connection(usage: MonthUsage) -> tuple[str, str]:
    return usage.connection, usage.company
