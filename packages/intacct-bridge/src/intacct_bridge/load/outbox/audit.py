"""The outbox for auditors: a filter of its entries, and their export with users, times, receipts and outcomes."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from intacct_bridge.load.outbox.entry import OutboxEntry, Total, added, outcome_word
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import OF_SOURCE, Identity, WriteOperation
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.text_forms import no_formula
from intacct_protocol.model.wording import amount_shown

COLUMNS = (
    "number", "state", "company", "entity", "operation", "object", "record", "receipt", "name", "source", "by",
    "planned", "sent", "last_sent", "concluded", "attempt", "sendings", "control_id", "faults", "note",
    "outcome", "amount", "currency", "posting_date", "link", "sent_local", "run", "undoes", "known_by",
)  # fmt: skip
_SUFFIXES = (".csv", ".jsonl")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


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


def amount_text(entry: OutboxEntry, *, grouped: bool = False) -> str:
    """The amount: a journal entry's debits, or the sum of other lines; one after the other in several currencies.

    People read it `grouped`, with thousands separators; programs without.
    """
    written = amount_shown if grouped else money_text
    return "; ".join(written(total.shown) for total in entry.totals)


def currency_text(entry: OutboxEntry) -> str:
    """The currency of the amount; empty if it was not known."""
    return "; ".join(one.currency for one in entry.totals)


def money_text(amount: Decimal) -> str:
    """An amount for programs: at least two decimals, no zeros beyond them, and no separators."""
    return amount_shown(amount).replace(",", "")


def local_text(moment: datetime | None) -> str:
    """A time in this machine's time zone, with the offset; empty if there is none."""
    return moment.astimezone().isoformat(sep=" ", timespec="seconds") if moment is not None else ""


def sums(entries: Iterable[OutboxEntry]) -> list[Total]:
    """The amounts of the new records that Intacct has, by currency; those that were taken back have no effect left."""
    return list(
        added(
            total
            for entry in entries
            if entry.status is RecordStatus.APPLIED
            and entry.target.operation is WriteOperation.CREATE
            and entry.undoes is None
            for total in entry.totals
        )
    )


def identity_text(identity: Identity, label: str = "") -> str:
    """What an identity is, for people: `number 77 of V-1`. Its values are written as the label of the record has them.

    An identity that equal records share has its place among them.
    """
    _, _, values = identity.text.partition(":")
    parts = [str(part) for part in json.loads(values)]
    if identity.kind == "number":
        party, number, *day = (_as_in(label, part) for part in parts)
        text = f"number {number}{f' of {party}' if party else ''}{f' on {day[0]}' if day else ''}"
    elif identity.kind == "content":
        text = "its content"
    elif identity.kind == "key":
        text = f"key {' '.join(part.partition(':')[2] for part in parts)} in Intacct"  # each after its kind
    else:
        source, *key = parts
        of_source = f"source {source}" if source else "its source"
        text = f"{'equal record' if identity.kind == 'equal' else 'key'} {' '.join(key)} of {of_source}"
    return f"{text} ({identity.place})" if identity.place > 1 else text


def _as_in(label: str, folded: str) -> str:
    """A text without case, as a label has it."""
    at = label.casefold().find(folded)
    shown = label[at : at + len(folded)] if at >= 0 else ""
    return shown if shown.casefold() == folded else folded


def identities_of(entry: OutboxEntry, holders: Mapping[Identity, int]) -> list[dict[str, object]]:
    """Everything that the record of an entry is known by, for JSON: with its kind, its source and its state.

    `holders`: the live entries that hold these identities.
    """
    return [
        {
            "kind": identity.kind,
            "text": identity_text(identity, entry.label),
            "place": identity.place,
            "source": identity_source(identity),
            "state": identity_state(entry, holders.get(identity)),
        }
        for identity in entry.identities
    ]


def identity_source(identity: Identity) -> str:
    """The name of the source that a key belongs to; empty for the source without a name, and for other kinds."""
    return identity.detail if identity.kind in OF_SOURCE else ""


def identity_state(entry: OutboxEntry, holder: int | None) -> str:
    """Whether the record of an entry has an identity: `held`, `released`, or `held by entry 7`.

    Of an update that was applied: `replaced` if its record is not known by that any more.
    """
    if holder == entry.number:
        return "held"
    updates = entry.target.operation is WriteOperation.UPDATE
    if holder is not None:
        return f"held by entry {holder}"
    return "replaced" if updates and entry.status is RecordStatus.APPLIED else "released"


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
        "outcome": outcome_word(entry),
        "amount": amount_text(entry),
        "currency": currency_text(entry),
        "posting_date": entry.posting_date.isoformat() if entry.posting_date else "",
        "link": entry.url,
        "sent_local": local_text(entry.last_sent_at),
        "run": entry.loader,
        "undoes": entry.undoes if entry.undoes is not None else "",
        "known_by": "; ".join(identity_text(one, entry.label) for one in entry.identities),
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
        raise SettingsError(
            f"cannot write {path}: {error.strerror}", fix="check the folder and its permissions"
        ) from None
    return len(rows)


def _harmless(rows: Iterable[Mapping[str, str | int]]) -> Iterator[dict[str, str | int]]:
    """The rows with an apostrophe before each text that a spreadsheet would run as a formula; amounts are none."""
    for row in rows:
        yield {
            name: no_formula(value) if isinstance(value, str) and not _NUMBER.fullmatch(value) else value
            for name, value in row.items()
        }
