"""The JSON document of a run: its id, start, end, destination and totals, then what its command says of it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from intacct_bridge.operations.runs import RunRecorder


def run_document(recorder: RunRecorder, body: Mapping[str, object]) -> dict[str, object]:
    """The one document that a program reads; `body` has the totals, and the streams or files."""
    used = recorder.connection
    totals = body.get("totals")
    ended = datetime.now(UTC)
    return {
        "run": recorder.id,
        "flow": recorder.flow or None,
        "command": recorder.command,
        "started": recorder.started,
        "ended": ended,
        "connection": used.name if used is not None else None,
        "company": used.company_id if used is not None else None,
        "environment": used.environment if used is not None else None,
        "destination": recorder.destination,
        "totals": {
            **(totals if isinstance(totals, Mapping) else {}),
            "transactions": recorder.transactions,
            "seconds": round((ended - recorder.started).total_seconds(), 2),
        },
        **{name: value for name, value in body.items() if name != "totals"},
    }
