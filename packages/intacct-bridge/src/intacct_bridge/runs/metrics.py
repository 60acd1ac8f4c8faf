"""The history of runs as metrics in Prometheus's text format, for node_exporter's textfile collector or a gateway.

The file is replaced in one step, so that a collector never reads half of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from intacct_bridge.machine.replaced_file import replaced
from intacct_bridge.runs.run import Run, RunEnd
from intacct_bridge.runs.statistics import FlowStatistics, flow_statistics, monthly_usage
from intacct_protocol.errors import SettingsError

_ESCAPES = {"\\": "\\\\", "\n": "\\n", '"': '\\"'}
Sample = tuple[Mapping[str, str], float]
"""The labels of one value, and the value."""
PerFlow = Sequence[tuple[Mapping[str, str], FlowStatistics]]
"""The statistics of each flow, with its labels."""


class Metric(NamedTuple):
    """One metric with its samples."""

    name: str
    kind: str
    """`counter` or `gauge`."""
    help: str
    samples: Sequence[Sample]


def metrics_text(runs: Iterable[Run], now: datetime | None = None) -> str:
    """The metrics of runs, which are given the latest first."""
    listed = list(runs)
    now = now or datetime.now(UTC)
    flows = flow_statistics(listed)
    lines: list[str] = []
    for metric in metrics_of(flows, listed, now):
        shown = [_sample(metric.name, labels, value) for labels, value in metric.samples]
        if shown:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}", *shown]
    return "\n".join(lines) + "\n"


def write_metrics(path: Path, runs: Iterable[Run]) -> None:
    """Write the metrics of runs to a file, in place of the one that is there."""
    try:
        with replaced(path) as fresh:
            fresh.write_text(metrics_text(runs), encoding="utf-8")
            fresh.chmod(0o644)  # the collector is another user; no metric is a secret
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", fix="Name another file.") from None


def metrics_of(flows: list[FlowStatistics], runs: list[Run], now: datetime) -> Iterator[Metric]:
    """Every metric, also one without samples."""
    per_flow = [(_labels(one), one) for one in flows]
    yield from _totals(per_flow, runs)
    yield from _latest(per_flow)
    yield Metric(
        "intacct_running_seconds",
        "gauge",
        "How long a run has been running.",
        [
            ({"flow": run.flow, "command": run.command, "connection": run.connection, "run": run.id}, elapsed)
            for run in runs
            if run.end is RunEnd.RUNNING and (elapsed := run.seconds(now)) is not None
        ],
    )
    yield from _usage_of_month(runs, now)


def _totals(per_flow: PerFlow, runs: list[Run]) -> Iterator[Metric]:
    """What the runs of each flow add up to."""
    yield Metric(
        "intacct_runs_total",
        "counter",
        "Runs by how they ended.",
        [({**labels, "end": end}, count) for labels, one in per_flow for end, count in _ends(one, runs)],
    )
    yield Metric("intacct_rows_total", "counter", "Rows read.", [(labels, one.rows) for labels, one in per_flow])
    yield Metric(
        "intacct_records_total",
        "counter",
        "Records written, by outcome.",
        [
            ({**labels, "outcome": outcome}, count)
            for labels, one in per_flow
            for outcome, count in (
                ("posted", one.records.posted),
                ("refused", one.records.refused),
                ("in_doubt", one.records.in_doubt),
                ("dead_letter", one.records.dead_letters),
            )
        ],
    )
    yield Metric(
        "intacct_api_transactions_total",
        "counter",
        "API transactions used.",
        [(labels, one.transactions) for labels, one in per_flow],
    )
    yield Metric(
        "intacct_run_seconds_total",
        "counter",
        "Seconds that ended runs took.",
        [(labels, round(one.seconds, 3)) for labels, one in per_flow],
    )


def _latest(per_flow: PerFlow) -> Iterator[Metric]:
    """The last run of each flow, and its last success."""
    yield Metric(
        "intacct_last_run_exit_status",
        "gauge",
        "The exit status of the last run that ended.",
        [(labels, one.last.status) for labels, one in per_flow if one.last is not None and one.last.status is not None],
    )
    yield Metric(
        "intacct_last_success_timestamp_seconds",
        "gauge",
        "When the last run that succeeded ended.",
        [(labels, one.last_success.timestamp()) for labels, one in per_flow if one.last_success is not None],
    )


def _usage_of_month(runs: list[Run], now: datetime) -> Iterator[Metric]:
    month = f"{now.astimezone(UTC):%Y-%m}"
    usage = [
        ({"connection": one.connection, "company": one.company}, one)
        for one in monthly_usage(runs)
        if one.month == month
    ]
    yield Metric(
        "intacct_month_api_transactions",
        "gauge",
        "API transactions of the running month, by UTC.",
        [(labels, one.transactions) for labels, one in usage],
    )
    yield Metric(
        "intacct_month_api_transactions_allowed",
        "gauge",
        "API transactions that the tier allows in a month.",
        [(labels, one.allowance) for labels, one in usage if one.allowance is not None],
    )


def _labels(statistics: FlowStatistics) -> dict[str, str]:
    return {"flow": statistics.flow, "command": statistics.command, "connection": statistics.connection}


def _ends(statistics: FlowStatistics, runs: list[Run]) -> list[tuple[str, int]]:
    """How often the runs of a flow ended in each way."""
    counts: dict[str, int] = {}
    for run in runs:
        same = (
            run.flow == statistics.flow
            and run.connection == statistics.connection
            and (run.flow or run.command == statistics.command)
        )
        if same and run.end is not RunEnd.RUNNING:
            counts[run.end.name.lower()] = counts.get(run.end.name.lower(), 0) + 1
    return sorted(counts.items())


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{shown}}} {value!r}"


def _escaped(text: str) -> str:
    return re.sub(r'[\\\n"]', lambda found: _ESCAPES[found[0]], text)
