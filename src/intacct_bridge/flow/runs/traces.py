"""OpenTelemetry spans of a run: one for the run, and one for each request to the gateway under it.

Tracing is off unless the standard variables ask for it (`OTEL_TRACES_EXPORTER`, or an OTLP endpoint) and the SDK is
installed (the extra `otel`). Then the requests are taken from the exchange's own log records, so that a run without
tracing does nothing more. `TRACEPARENT` makes the run a part of the scheduler's trace. No span holds a record's values,
an argument or a credential.
"""

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from intacct_bridge.flow.runs.run import Run

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

CALLS = "intacct_bridge.client.gateway.exchange"
"""The logger that reports each request."""
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_SERVICE = "intacct-bridge"
_INSTALL = "Run: pip install 'intacct-bridge[otel]' opentelemetry-exporter-otlp-proto-http"


def wanted_exporter() -> str:
    """The exporter that the standard variables name; empty where tracing is not asked for."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return ""
    named = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if named:
        return "" if named == "none" else named.partition(",")[0].strip()
    return "otlp" if any(os.environ.get(name) for name in _ENDPOINTS) else ""


def begin_trace(run: Run, *, warn: Callable[[str], None]) -> "RunTrace | None":
    """The trace of a run; None where none is asked for, or where it cannot be sent, which is a warning."""
    name = wanted_exporter()
    if not name:
        return None
    try:
        exporter = _exporter(name)
    except ImportError as error:
        warn(f"This run is not traced: the package {error.name} is not installed. {_INSTALL}")
        return None
    except Exception as error:  # an exporter may raise any error of its own
        warn(f"This run is not traced: {name}: {error}")
        return None
    return RunTrace(run, exporter)


class RunTrace:
    """The open trace of one run."""

    def __init__(self, run: Run, exporter: "SpanExporter") -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        service = os.environ.get("OTEL_SERVICE_NAME", _SERVICE)
        resource = Resource.create({"service.name": service, "service.version": run.version})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer = self._provider.get_tracer("intacct_bridge", run.version)
        carrier = {"traceparent": os.environ.get("TRACEPARENT", ""), "tracestate": os.environ.get("TRACESTATE", "")}
        parent = TraceContextTextMapPropagator().extract({name: text for name, text in carrier.items() if text})
        self._span: Span = tracer.start_span(
            f"intacct {run.command}", context=parent, start_time=_nanoseconds(run.started.timestamp())
        )
        self._span.set_attributes({"intacct.run": run.id, "intacct.command": run.command})
        self._calls = _CallSpans(tracer, trace.set_span_in_context(self._span))
        self._logger = logging.getLogger(CALLS)
        self._level = self._logger.level
        self._logger.setLevel(logging.DEBUG)
        self._logger.addHandler(self._calls)

    def end(self, run: Run) -> None:
        """Send the run's span with its outcome."""
        from opentelemetry.trace import Status, StatusCode

        self._logger.removeHandler(self._calls)
        self._logger.setLevel(self._level)
        self._span.set_attributes(_attributes(run))
        for one in run.streams:
            self._span.add_event(
                "stream", {"stream": one.name, "rows": one.rows, "deleted": one.deleted, "seconds": one.seconds}
            )
        if not run.end.succeeded:
            said = run.error.message if run.error is not None else run.end.value
            self._span.set_status(Status(StatusCode.ERROR, said))
        self._span.end()
        self._provider.shutdown()


class _CallSpans(logging.Handler):
    """A handler that makes a span of each request that the exchange reports."""

    def __init__(self, tracer: "Tracer", parent: "Context") -> None:
        super().__init__(logging.DEBUG)
        self._tracer = tracer
        self._parent = parent

    def emit(self, record: logging.LogRecord) -> None:
        functions = getattr(record, "functions", None)
        if functions is None:
            return
        end = time.time()
        seconds = float(getattr(record, "seconds", 0.0))
        span = self._tracer.start_span(str(functions), context=self._parent, start_time=_nanoseconds(end - seconds))
        span.set_attributes(
            {
                "http.response.status_code": int(getattr(record, "http_status", 0)),
                "http.response.body.size": int(getattr(record, "size", 0)),
            }
        )
        span.end(_nanoseconds(end))


def _attributes(run: Run) -> dict[str, str | int]:
    facts: dict[str, str | int | None] = {
        "intacct.flow": run.flow,
        "intacct.connection": run.connection,
        "intacct.company": run.company,
        "intacct.exit_status": run.status,
        "intacct.end": run.end.value,
        "intacct.rows": run.rows,
        "intacct.posted": run.records.posted,
        "intacct.refused": run.records.refused,
        "intacct.in_doubt": run.records.in_doubt,
        "intacct.transactions": run.transactions,
        "error.type": run.error.kind if run.error is not None else "",
    }
    return {name: value for name, value in facts.items() if value not in ("", None)}


def _exporter(name: str) -> "SpanExporter":
    """The exporter of that name: the console (standard error), or one that an installed package registers."""
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)
    from importlib.metadata import entry_points

    import opentelemetry.sdk.trace  # noqa: F401 - the first package to be missed

    wanted = "otlp_proto_http" if name == "otlp" else name
    found = [one for one in entry_points(group="opentelemetry_traces_exporter") if one.name in (name, wanted)]
    found.sort(key=lambda one: one.name != wanted)
    if not found:
        raise ModuleNotFoundError(name, name=f"opentelemetry-exporter-{name}")
    exporter: SpanExporter = found[0].load()()
    return exporter


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
