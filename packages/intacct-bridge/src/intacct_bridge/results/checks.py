"""What the doctor found, and the history of runs, as the library gives them."""

from dataclasses import asdict
from typing import Any

import msgspec

from intacct_bridge.notebook import html_result, html_table
from intacct_bridge.runs import run as recorded
from intacct_bridge.runs.history import open_history
from intacct_bridge.setup import findings


class DoctorReport(findings.DoctorReport):
    """What each step of the set-up showed: see `healthy`, and `found` for what needs action."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "healthy": self.healthy,
            "transactions": self.transactions,
            "stopped_at": self.stopped_at,
            "findings": [{**asdict(finding), "tag": finding.tag} for finding in self.findings],
        }

    def _repr_html_(self) -> str:
        facts = {"healthy": self.healthy, "API transactions": self.transactions}
        rows = ((one.title, one.status.value, one.observed, one.means, one.fix) for one in self.findings)
        return html_result("Doctor", facts, html_table(("step", "status", "observed", "means", "fix"), rows))


class Runs:
    """The history of runs of this machine, or of the database that machines share."""

    __slots__ = ()

    def latest(self, limit: int = 50, *, flow: str = "", connection: str = "") -> tuple[recorded.Run, ...]:
        """The latest runs, the newest first. SettingsError if the history is switched off."""
        with open_history() as history:
            return tuple(history.runs(flow=flow, connection=connection, limit=limit))

    def last(self, flow: str) -> recorded.Run | None:
        """The latest run of a flow; None if it has not run."""
        return next(iter(self.latest(1, flow=flow)), None)

    def find(self, run: str) -> recorded.Run:
        """The run whose id begins so. SettingsError if none or several do."""
        with open_history() as history:
            return history.find(run)

    def to_dict(self) -> dict[str, Any]:
        """The latest runs as plain data for JSON."""
        return {"runs": [msgspec.to_builtins(run) for run in self.latest()]}

    def _repr_html_(self) -> str:
        runs = self.latest()
        rows = (
            (run.started, run.flow or run.command, run.connection, run.end.value, run.rows, run.records.posted)
            for run in runs
        )
        columns = ("started", "flow or command", "connection", "end", "rows", "posted")
        return html_result("Runs", {"latest": len(runs)}, html_table(columns, rows))
