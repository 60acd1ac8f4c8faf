"""Statistics and metrics of runs, the metrics as another program's parser reads them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from intacct_bridge.runs.metrics import metrics_text, write_metrics
from intacct_bridge.runs.run import RecordCounts, Run, StreamCount
from intacct_bridge.runs.statistics import flow_statistics, monthly_usage
from intacct_protocol.errors import SettingsError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def run_of(number: int, **facts: object) -> Run:
    given: dict[str, object] = {
        "id": f"{number:032x}", "command": "extract", "flow": "nightly", "connection": "books", "company": "acme",
        "started": NOON - timedelta(days=number), "ended": NOON - timedelta(days=number) + timedelta(seconds=30),
        "status": 0, "transactions": 10, **facts,
    }  # fmt: skip
    return Run(**given)  # type: ignore[arg-type]


RUNS = [
    run_of(0, status=None, ended=None, alive=True, transactions=2),
    run_of(1, status=4),
    run_of(2, streams=(StreamCount("VENDOR", 7, 1), StreamCount("APBILL", 5))),
    run_of(3, status=130),
    run_of(4, status=None, ended=None),
    run_of(5, command="load", flow="", status=5, records=RecordCounts(posted=8, refused=1, in_doubt=2)),
    run_of(30, monthly_transactions=100_000),
]


def test_a_success_rate_counts_neither_running_nor_interrupted_runs() -> None:
    nightly, load = flow_statistics(RUNS)
    assert (nightly.name, nightly.runs, nightly.succeeded, nightly.failed) == ("nightly", 6, 2, 2)
    assert nightly.success_rate == 0.5
    assert nightly.last_success == NOON - timedelta(days=2) + timedelta(seconds=30)
    assert nightly.rows == 12
    assert (load.name, load.success_rate, load.records.in_doubt) == ("load", 0.0, 2)


def test_usage_is_by_connection_and_month_against_the_tier() -> None:
    november, october = monthly_usage(RUNS)
    assert (november.month, november.connection, november.runs, november.transactions) == ("2026-11", "books", 6, 52)
    assert november.share is None
    assert (october.month, october.transactions, october.share) == ("2026-10", 10, 10 / 100_000)


def test_metrics_are_read_by_another_parser() -> None:
    odd = run_of(6, flow='a "quoted" \\ name\nof two lines', records=RecordCounts(posted=1))
    families = {one.name: one for one in text_string_to_metric_families(metrics_text([*RUNS, odd], NOON))}
    ends = {(one.labels["flow"], one.labels["end"]): one.value for one in families["intacct_runs"].samples}
    assert ends["nightly", "done"] == 2
    assert ends["nightly", "transient"] == 1
    assert ends["nightly", "killed"] == 1
    assert ends['a "quoted" \\ name\nof two lines', "done"] == 1
    assert families["intacct_runs"].type == "counter"
    (running,) = families["intacct_running_seconds"].samples
    assert running.value == 0.0
    assert running.labels["run"] == RUNS[0].id
    spent = {one.labels["connection"]: one.value for one in families["intacct_month_api_transactions"].samples}
    assert spent == {"books": 62}
    assert "intacct_month_api_transactions_allowed" not in families, "no run of this month knows the tier"
    statuses = {one.labels["flow"]: one.value for one in families["intacct_last_run_exit_status"].samples}
    assert "nightly" not in statuses, "its last run has not ended"
    assert statuses[""] == 5
    doubtful = [one for one in families["intacct_records"].samples if one.labels["outcome"] == "in_doubt"]
    assert sum(one.value for one in doubtful) == 2


def test_no_run_makes_an_empty_file_and_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "intacct.prom"
    write_metrics(path, RUNS)
    assert list(text_string_to_metric_families(path.read_text()))
    write_metrics(path, [])
    assert list(text_string_to_metric_families(path.read_text())) == []
    assert [one.name for one in tmp_path.iterdir()] == ["intacct.prom"]
    with pytest.raises(SettingsError, match="cannot be written"):
        write_metrics(tmp_path / "nowhere" / "x.prom", [])
