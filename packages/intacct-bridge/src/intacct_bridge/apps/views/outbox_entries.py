"""Entries of the outbox: as a row of a list, and with everything about one."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from intacct_bridge.apps.terminal.exit_statuses import FAILURES, IN_DOUBT
from intacct_bridge.operations.outbox import (
    EntryDetail,
    OutboxEntry,
    RecordStatus,
    amount_text,
    comparable,
    currency_text,
    local_text,
    outcome_word,
)

_RUN = 12
"""Characters of a run's id that are shown."""


def listed_row(entry: OutboxEntry, *, as_json: bool) -> tuple[object, ...]:
    """An entry's cells in a list. For programs they keep their values: operation as sent, time in UTC."""
    number, state, record, operation, receipt, sent, *others = entry_row(entry)
    amount = amount_text(entry, grouped=not as_json)
    if not as_json:
        operation, sent = outcome_word(entry), local_text(entry.last_sent_at)
    money = Decimal(amount.replace(",", "")) if amount and ";" not in amount else amount
    return number, state, record, operation, money, currency_text(entry), entry.posting_date, receipt, sent, *others


def entry_row(entry: OutboxEntry) -> tuple[object, ...]:
    """Number, state, record, operation, receipt, time, user, position in the source, and run."""
    receipt = f"{entry.target.object} {entry.receipt.record}" if entry.receipt and entry.receipt.record else ""
    return (
        entry.number,
        entry.status.value,
        entry.label,
        entry.target.operation.value,
        receipt,
        entry.last_sent_at,
        entry.user,
        entry.position,
        entry.loader[:_RUN],
    )


def entry_facts(detail: EntryDetail, *, grouped: bool) -> dict[str, Any]:
    """Everything about an entry, by label; `grouped`: amounts have thousands separators."""
    entry = detail.entry
    return {
        "number": entry.number,
        "record": entry.label,
        "state": entry.status.value,
        "operation": f"{outcome_word(entry)} {entry.target.object}",
        "amount": " ".join(filter(None, (amount_text(entry, grouped=grouped), currency_text(entry)))),
        "posting date": entry.posting_date,
        "company": entry.target.company,
        "entity": entry.target.entity,
        "identity": entry.identity,
        "known by": [f"{identity['text']}: {identity['state']}" for identity in detail.identities],
        "attempt": entry.attempt,
        "control id": entry.control_id,
        "source": entry.position,
        "by": entry.user,
        "sent": entry.last_sent_at,
        "sent (local time)": local_text(entry.last_sent_at),
        "receipt": entry.receipt.record if entry.receipt else "",
        "link": entry.url,
        "run": entry.loader,
        "takes back entry": entry.undoes,
        "earlier values": [f"{name}: {comparable(value) or '(empty)'}" for name, value in detail.earlier.items()],
        "tracked": ", ".join(f"{name} {value}" for name, value in entry.tracked.items()),
        "faults": [str(fault) for fault in entry.faults],
        "note": entry.note,
    }


def exit_status(entries: Iterable[OutboxEntry]) -> int:
    """The exit status that entries make which were to be in Intacct."""
    statuses = {entry.status for entry in entries}
    if RecordStatus.IN_DOUBT in statuses:
        return IN_DOUBT
    return FAILURES if statuses - {RecordStatus.APPLIED} else 0
