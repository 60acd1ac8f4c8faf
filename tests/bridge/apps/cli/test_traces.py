"""Traces: off without the standard variables; with them a span for the run, each stream and each request."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intacct_bridge.runs.run import Run, RunError, StreamCount
from intacct_bridge.runs.traces import CALLS, STREAMS, begin_trace, wanted_exporter
from support.apps.command_line import Intacct

BEGUN = Run(id="ab" * 16, started=datetime.now(UTC), command="extract", version="1")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"  # the example of W3C's Trace Context


@pytest.mark.parametrize(
    ("environ", "exporter"),
    [
        ({}, ""),
        ({"OTEL_SERVICE_NAME": "x"}, ""),
        ({"OTEL_TRACES_EXPORTER": "none"}, ""),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, ""),
    ],
)
def test_the_standard_variables_decide(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], exporter: str) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert wanted_exporter() == exporter


def test_an_exporter_that_is_not_installed_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin-of-nobody")
    warnings: list[str] = []
    assert begin_trace(BEGUN, warn=warnings.append) is None
    assert "is not installed" in warnings[0]


def test_a_command_is_a_trace_of_its_requests(demo: Intacct, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = ("extract", "DEPARTMENT", "--to", "csv:copy", "-q")
    ran = demo(*words, OTEL_TRACES_EXPORTER="console", TRACEPARENT=PARENT)
    assert ran.status == 0
    spans = [json.loads(text + "}") for text in ran.err.split("\n}\n") if text.strip()]
    run = next(one for one in spans if one["name"] == "intacct extract")
    streams = [one for one in spans if one["name"].startswith("stream ")]
    calls = [one for one in spans if one is not run and one not in streams]
    assert run["parent_id"] == "0xb7ad6b7169203331"
    assert {one["context"]["trace_id"] for one in spans} == {"0x0af7651916cd43dd8448eb211c80319c"}
    assert len(calls) >= 2
    assert all(one["parent_id"] == run["context"]["span_id"] for one in calls)
    assert all(one["attributes"]["http.response.status_code"] == 200 for one in calls)
    assert run["attributes"]["intacct.rows"] == 15
    assert [one["name"] for one in streams] == ["stream DEPARTMENT"]
    assert streams[0]["parent_id"] == run["context"]["span_id"]
    assert streams[0]["attributes"]["intacct.rows"] == 15
    assert run["start_time"] <= streams[0]["start_time"] <= streams[0]["end_time"] <= run["end_time"]
    assert "password" not in ran.err
    assert not logging.getLogger(CALLS).handlers
    assert not logging.getLogger(STREAMS).handlers


def test_a_failed_run_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    trace = begin_trace(BEGUN, warn=pytest.fail)
    assert trace is not None
    ended = Run(
        id=BEGUN.id, started=BEGUN.started, ended=datetime.now(UTC), command="extract", status=4,
        error=RunError("gone", "TransientError"), streams=(StreamCount("VENDOR", 3),),
    )  # fmt: skip
    trace.end(ended)
    span = json.loads(capsys.readouterr().err)
    assert span["status"] == {"status_code": "ERROR", "description": "gone"}
    assert span["attributes"]["error.type"] == "TransientError"
