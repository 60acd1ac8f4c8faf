"""Copies: one by its address, those that this machine's runs wrote, what proved each, and what can be asked of it.

copy = open_copy("duckdb:///books.duckdb")
copy.table("APBILL")
copy.sql("SELECT * FROM reporting.trial_balance")
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import to_builtins

from intacct_bridge.copies.copy import Copy, open_copy
from intacct_bridge.copies.destinations.compact import Compacted
from intacct_bridge.copies.destinations.open import compact_copy
from intacct_bridge.copies.destinations.uri import DestinationUri, parse_uri
from intacct_bridge.copies.questions.answer import AnswerTable, CopyAnswer, QuestionLimits, reporting_tables
from intacct_bridge.runs.history import history_place, open_history
from intacct_bridge.runs.run import Run
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.uri_text import redacted

__all__ = [
    "AnswerTable",
    "Compacted",
    "Copy",
    "CopyAnswer",
    "DestinationUri",
    "QuestionLimits",
    "compact_copy",
    "open_copy",
    "parse_uri",
    "reporting_tables",
]

_WRITING = ("extract", "demo")
"""The commands that write a copy."""


@dataclass(frozen=True, slots=True)
class CopyProof:
    """A run that compared a copy with the company."""

    run: str
    at: datetime | None
    verdict: str
    """`equal`, `different` or `not compared`."""

    @property
    def equal(self) -> bool:
        """Whether the copy matched the company then."""
        return self.verdict == "equal"


@dataclass(frozen=True, slots=True)
class WrittenCopy:
    """A copy that a run of this machine wrote."""

    uri: str
    company: str
    extracted: datetime | None
    """The end of the latest run that wrote it without failures; None if no such run is kept."""
    proof: CopyProof | None
    """The latest comparison with the company; None if there was none."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return to_builtins(self)  # type: ignore[no-any-return]


def written_copies() -> list[WrittenCopy]:
    """The copies in the history of runs that are still there, the latest first."""
    runs = _runs()
    written = dict.fromkeys(run.destination for run in runs if run.command in _WRITING and run.destination)
    return [_written(uri, runs) for uri in written if _is_there(uri)]


def written_copy(uri: str) -> WrittenCopy:
    """What the history of runs has of the copy at an address."""
    return _written(uri, _runs())


def _written(uri: str, runs: Sequence[Run]) -> WrittenCopy:
    of_copy = [run for run in runs if run.destination == redacted(uri)]
    succeeded = next((run for run in of_copy if run.command in _WRITING and run.end.succeeded), None)
    proof = next((run for run in of_copy if _compared(run)), None)
    company = next((run.company for run in of_copy if run.company), "")
    return WrittenCopy(uri, company, succeeded.ended if succeeded else None, _proof(proof) if proof else None)


def _compared(run: Run) -> bool:
    """Whether a run compared a copy with the company; the demo ends with that, and may fail before it."""
    return run.end.succeeded if run.command == "demo" else run.command == "reconcile" and run.ended is not None


def _proof(run: Run) -> CopyProof:
    verdict = "equal" if run.end.succeeded else "different" if run.status == 1 else "not compared"
    return CopyProof(run.id, run.ended, verdict)


def _runs() -> list[Run]:
    if history_place() is None:
        return []
    with open_history() as history:
        return list(history.runs())


def _is_there(uri: str) -> bool:
    try:
        at = parse_uri(uri)
    except SettingsError:
        return False
    return at.scheme != "singer" and (at.local_path is None or at.local_path.exists())
