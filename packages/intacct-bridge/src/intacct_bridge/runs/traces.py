"""OpenTelemetry spans of a run: one for the run, and under it one for each stream and each request to the gateway.

Tracing is off unless the standard variables ask for it (`OTEL_TRACES_EXPORTER`, or an OTLP endpoint) and the SDK is
installed (the extra `otel`). Then streams and requests are taken from the log records of those who read them, so that
a run without tracing does nothing more. Streams are read side by side and share requests, so that both are children of
the run. `TRACEPARENT` makes the run a part of the scheduler's trace. No span holds a record's values,
an argument or a credential.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from intacct_bridge.runs.run import Run

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

CALLS = "intacct_bridge.client.gateway.exchange"
"""The logger that reports each request."""
STREAMS = "intacct_bridge.extract.run"
"""The logger that reports each stream."""
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_SERVICE = "intacct-bridge"
_INSTALL = "Run: pip install 'intacct-bridge[otel]' opentelemetry-exporter-otlp-proto-http"


def wanted_exporter() -> str:
    """The exporter that the standard variables name; empty if tracing is not asked for."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return ""
    named = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if named:
        return "" if named == "none" else named.partition(",")[0].strip()
    return "otlp" if any(os.environ.get(name) for name in _ENDPOINTS) else ""


def begin_trace(run: Run, *, warn: Callable[[str], None]) -> "RunTrace | None":
    """The trace of a run; None if none is asked for, or if it cannot be sent, which is a warning."""
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
        self._parts = _PartSpans(tracer, trace.set_span_in_context(self._span))
        self._levels = {name: logging.getLogger(name).level for name in (CALLS, STREAMS)}
        for name in self._levels:
            logging.getLogger(name).setLevel(logging.DEBUG)
            logging.getLogger(name).addHandler(self._parts)

    def end(self, run: Run) -> None:
        """Send the run's span with its outcome."""
        from opentelemetry.trace import Status, StatusCode

        for name, level in self._levels.items():
            logging.getLogger(name).removeHandler(self._parts)
            logging.getLogger(name).setLevel(level)
        self._span.set_attributes(_attributes(run))
        if not run.end.is_as_asked:
            reason = run.error.message if run.error is not None else run.end.value
            self._span.set_status(Status(StatusCode.ERROR, reason))
        self._span.end()
        self._provider.shutdown()


class _PartSpans(logging.Handler):
    """A handler that makes a span of each request and of each stream that is reported."""

    def __init__(self, tracer: "Tracer", parent: "Context") -> None:
        super().__init__(logging.DEBUG)
        self._tracer = tracer
        self._parent = parent

    def emit(self, record: logging.LogRecord) -> None:
        facts = record.__dict__
        if "functions" in facts:
            attributes = {
                "http.response.status_code": int(facts.get("http_status", 0)),
                "http.response.body.size": int(facts.get("size", 0)),
            }
            self._add(str(facts["functions"]), attributes, facts)
        elif "stream" in facts and "seconds" in facts:
            counts = {"intacct.rows": int(facts["rows"]), "intacct.deleted": int(facts["deleted"])}
            self._add(f"stream {facts['stream']}", {"intacct.stream": str(facts["stream"]), **counts}, facts)

    def _add(self, name: str, attributes: Mapping[str, str | int], facts: dict[str, Any]) -> None:
        """A span that ends now."""
        from opentelemetry.trace import Status, StatusCode

        end = time.time()
        begin = _nanoseconds(end - float(facts.get("seconds", 0.0)))
        span = self._tracer.start_span(name, context=self._parent, start_time=begin, attributes=attributes)
        if facts.get("failure"):
            span.set_status(Status(StatusCode.ERROR, facts["failure"]))
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

    entry_name = "otlp_proto_http" if name == "otlp" else name
    entries = [one for one in entry_points(group="opentelemetry_traces_exporter") if one.name in (name, entry_name)]
    entries.sort(key=lambda one: one.name != entry_name)
    if not entries:
        raise ModuleNotFoundError(name, name=f"opentelemetry-exporter-{name}")
    exporter: SpanExporter = entries[0].load()()
    return exporter


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
