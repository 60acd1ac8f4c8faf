"""The outbox for auditors: a filter of its entries, and their export with users, times, receipts and outcomes."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.outbox.entry import OutboxEntry

COLUMNS = (
    "number", "state", "company", "entity", "operation", "object", "record", "receipt", "name", "source", "by",
    "planned", "sent", "last_sent", "concluded", "attempt", "sendings", "control_id", "faults", "note",
)  # fmt: skip
_SUFFIXES = (".csv", ".jsonl")


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """A filter of entries; empty conditions match all."""

    operation: str = ""
    user: str = ""
    source: str = ""
    """Part of the input's name, or of the position in it."""
    text: str = ""
    """Part of the record's label, its receipt, its identity or a tracked value; case does not matter."""
    since: date | None = None
    until: date | None = None
    """The last date, in UTC."""

    def __call__(self, entry: OutboxEntry) -> bool:
        """Whether an entry matches."""
        day = (entry.last_sent_at or entry.planned_at).astimezone(UTC).date()
        receipt = (entry.receipt.record, entry.receipt.name) if entry.receipt else ()
        searched = "\n".join((entry.label, entry.identity, *receipt, *entry.tracked.values())).casefold()
        return (
            self.operation in ("", entry.target.operation)
            and self.user.casefold() in ("", entry.user.casefold())
            and self.source in entry.position
            and self.text.casefold() in searched
            and (self.since is None or day >= self.since)
            and (self.until is None or day < self.until + timedelta(days=1))
        )


def facts(entry: OutboxEntry) -> dict[str, str | int]:
    """An entry as a flat row; tracked fields have their own names after a dot."""
    receipt = entry.receipt
    row: dict[str, str | int] = {
        "number": entry.number,
        "state": entry.status.value,
        "company": entry.target.company,
        "entity": entry.target.entity,
        "operation": entry.target.operation.value,
        "object": entry.target.object,
        "record": entry.label,
        "receipt": receipt.record if receipt else "",
        "name": receipt.name if receipt else "",
        "source": entry.position,
        "by": entry.user,
        "planned": entry.planned_at.isoformat(),
        "sent": entry.sent_at.isoformat() if entry.sent_at else "",
        "last_sent": entry.last_sent_at.isoformat() if entry.last_sent_at else "",
        "concluded": entry.changed_at.isoformat(),
        "attempt": entry.attempt,
        "sendings": entry.sendings,
        "control_id": entry.control_id,
        "faults": "; ".join(str(fault) for fault in entry.faults),
        "note": entry.note,
    }
    return row | {f".{name}": value for name, value in entry.tracked.items()}


def export(entries: Iterable[OutboxEntry], path: Path) -> int:
    """Write entries into a CSV or JSON lines file and return how many."""
    if path.suffix.lower() not in _SUFFIXES:
        raise SettingsError(f"{path.name} is neither CSV nor JSON lines", fix="use a name that ends in .csv or .jsonl")
    rows = [facts(entry) for entry in entries]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            if path.suffix.lower() == ".csv":
                names = (*COLUMNS, *sorted({name for row in rows for name in row if name.startswith(".")}))
                writer = csv.DictWriter(file, names, restval="")
                writer.writeheader()
                writer.writerows(_harmless(rows))
            else:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror}", fix="check the folder and its rights") from None
    return len(rows)


def _harmless(rows: Iterable[Mapping[str, str | int]]) -> Iterator[dict[str, str | int]]:
    """The rows with an apostrophe before each text that a spreadsheet would run as a formula."""
    for row in rows:
        yield {
            name: f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
            for name, value in row.items()
        }
