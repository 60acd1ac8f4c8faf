"""Hotglue's report on every record of an input, which the target writes in place of the tap's state."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from intacct_bridge.operations.record_streams import UNRESOLVED, InputRecord, RecordResult, RecordStatus


class HotglueReport:
    """Hotglue's form of state: for every stream a row for each record, and the counts."""

    @staticmethod
    def is_report(document: Mapping[str, Any] | None) -> bool:
        """Whether a document is such a report, and not the state of a tap."""
        bookmarks = (document or {}).get("bookmarks")
        return isinstance(bookmarks, Mapping) and any(isinstance(rows, list) for rows in bookmarks.values())

    def __init__(self, earlier: Mapping[str, Any] | None = None) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._done: dict[tuple[str, str, int], dict[str, Any]] = {}
        self._listed: dict[tuple[str, str], list[int]] = {}
        for stream, rows in ((earlier or {}).get("bookmarks") or {}).items():
            counts: Counter[str] = Counter()
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict) and row.get("hash"):
                    counts[row["hash"]] += 1
                    number = row.get("equal_number", counts[row["hash"]])
                    self._listed.setdefault((stream, row["hash"]), []).append(number)
                    if row.get("success"):
                        self._done[stream, row["hash"], number] = row

    def numbers(self, arrived: InputRecord) -> Sequence[int]:
        """The numbers of the equal records that the earlier report lists, regardless of their outcomes."""
        return sorted(self._listed.get((arrived.stream, arrived.digest), ()))

    def is_written(self, arrived: InputRecord) -> bool:
        """Whether an earlier run's report has this very record as written; it is entered as existing then.

        One success stands for one of several equal records without a key, and for all with the same key.
        """
        row = self._done.get((arrived.stream, arrived.digest, arrived.equal_number)) if self._done else None
        if row is not None:
            self._rows.setdefault(arrived.stream, []).append(row)
            self._counts.setdefault(arrived.stream, Counter())["existing"] += 1
        return row is not None

    def enter(self, result: RecordResult) -> None:
        """Enter one record's result."""
        arrived, status = result.arrived, result.status
        row: dict[str, Any] = {"hash": arrived.digest, "success": None if status in UNRESOLVED else status.is_done}
        if result.record:
            row["id"] = result.record
        if arrived.external_id is not None:
            row["externalId"] = arrived.external_id
        if result.error:
            row["note" if status in (*UNRESOLVED, RecordStatus.SKIPPED) else "error"] = result.error
        if result.updated:
            row["is_updated"] = True
        if result.url:
            row["record_url"] = result.url
        if status in UNRESOLVED:
            row["in_doubt"] = True
        if not arrived.key:
            row["equal_number"] = arrived.equal_number
        self._rows.setdefault(arrived.stream, []).append(row)
        self._counts.setdefault(arrived.stream, Counter())[_count_name(result)] += 1

    def document(self) -> dict[str, Any]:
        """The whole report."""
        names = ("success", "fail", "existing", "updated")
        summary = {
            stream: {name: counts[name] for name in (*names, *(name for name in _IF_ANY if counts[name]))}
            for stream, counts in self._counts.items()
        }
        return {"bookmarks": self._rows, "summary": summary}


_IN_DOUBT = "in_doubt"
_SKIPPED = "skipped"
_IF_ANY = (_IN_DOUBT, _SKIPPED)
"""Counts that hotglue's report does not have; they are in it if there are any."""


def _count_name(result: RecordResult) -> str:
    if result.status in UNRESOLVED:
        return _IN_DOUBT
    if not result.status.is_done:
        return "fail"
    if result.status is RecordStatus.SKIPPED:
        return _SKIPPED
    if result.updated:
        return "updated"
    return "existing" if result.status is RecordStatus.UNCHANGED else "success"
