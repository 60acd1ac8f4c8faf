"""What the target says on standard output: the tap's state once it is safe, or hotglue's account of every record."""

from collections import Counter
from collections.abc import Mapping
from typing import IO, Any

import msgspec

from intacct_bridge.edge.singer.target_results import Arrived, Fate, Settled

_COUNTS = {Fate.APPLIED: "success", Fate.EXISTING: "existing", Fate.FAILED: "fail"}


class States:
    """Passes a tap's states on, each only after every record before it has settled.

    Of several states between the same two records only the last matters to anybody, so only that is kept.
    """

    def __init__(self, out: IO[bytes], *, silent: bool = False) -> None:
        self._out = out
        self._silent = silent
        self._waiting: Any = None
        self._told: Any = None
        self.blocked = False
        """Once a record is left unsettled no later state may be told: the next run must meet the record again."""

    def arrive(self, value: Any) -> None:
        """A state that the tap told."""
        self._waiting = value

    def release(self) -> None:
        """Every record before the waiting state has settled."""
        if self._waiting is None or self.blocked or self._silent:
            return
        if self._waiting != self._told:
            self._out.write(msgspec.json.Encoder(decimal_format="number").encode(self._waiting) + b"\n")
            self._out.flush()
        self._told, self._waiting = self._waiting, None


class Account:
    """Hotglue's account: for every stream a row a record, and the sums."""

    def __init__(self, earlier: Mapping[str, Any] | None = None) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._sums: dict[str, Counter[str]] = {}
        self._done: dict[tuple[str, str], dict[str, Any]] = {}
        for stream, rows in ((earlier or {}).get("bookmarks") or {}).items():
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict) and row.get("success") and row.get("hash"):
                    self._done[stream, row["hash"]] = row

    def known(self, arrived: Arrived) -> bool:
        """Whether an earlier run's account says that this very record was written; it is entered as existing then."""
        row = self._done.get((arrived.stream, arrived.digest)) if self._done else None
        if row is not None:
            self._rows.setdefault(arrived.stream, []).append(row)
            self._sums.setdefault(arrived.stream, Counter())["existing"] += 1
        return row is not None

    def enter(self, settled: Settled) -> None:
        """One record's outcome."""
        arrived = settled.arrived
        good = settled.fate in (Fate.APPLIED, Fate.EXISTING)
        row: dict[str, Any] = {"hash": arrived.digest, "success": good}
        if settled.record:
            row["id"] = settled.record
        if arrived.external_id is not None:
            row["externalId"] = arrived.external_id
        if settled.error:
            row["error"] = settled.error
        if settled.updated:
            row["is_updated"] = True
        if settled.url:
            row["record_url"] = settled.url
        if settled.fate in (Fate.OPEN, Fate.IN_DOUBT):
            row["in_doubt"] = True
        self._rows.setdefault(arrived.stream, []).append(row)
        count = "updated" if settled.updated and good else _COUNTS.get(settled.fate, "fail")
        self._sums.setdefault(arrived.stream, Counter())[count] += 1

    def document(self) -> dict[str, Any]:
        """The whole account."""
        names = ("success", "fail", "existing", "updated")
        summary = {stream: {name: sums[name] for name in names} for stream, sums in self._sums.items()}
        return {"bookmarks": self._rows, "summary": summary}
