"""The states of journal entries that reverse on a later day: pending until that day, reversed from then on.

An entry keeps the day (`REVERSED`) and the record number (`REVERSEDKEY`) of its reversal, which is entered at once with
that day as its date. The reversal names the entry in `REVERSEDFROM`.
"""

from datetime import UTC, date, datetime

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.ledger.posting_function import relabel
from intacct_emulator.settings.cells import Row, timestamp_text

PENDING, DONE = "Reversal pending", "Reversed"
_LINE_STATES = {PENDING: "Reversal Pending", DONE: DONE}
"""The states of lines, which are spelled in their own way."""


def mark_reversed(company: CompanyData, entry: Row, reversal: Row, *, now: float) -> Row:
    """Give an entry the key and the state of its reversal; gives the entry's header."""
    key, day = int(entry["RECORDNO"]), day_of(reversal, "BATCH_DATE")
    state = DONE if day <= _today(now) else PENDING
    cells = {"REVERSEDKEY": reversal["RECORDNO"], "STATE": state}
    _set_state(company, key, state, header=cells)
    if state == PENDING:
        company.facts.pending_reversals.put(value=_pending(company) | {str(key): day.isoformat()})
    return entry | cells


def unmark(company: CompanyData, key: int) -> None:
    """Make an entry whose reversal is deleted an ordinary one."""
    _set_state(company, key, "Posted", header={"REVERSED": "", "REVERSEDKEY": "", "STATE": "Posted"})
    forget(company, key)


def forget(company: CompanyData, key: int) -> None:
    """Forget that an entry waits for the day of its reversal."""
    pending = _pending(company)
    if pending.pop(str(key), None):
        company.facts.pending_reversals.put(value=pending)


def finish_due(company: CompanyData, now: float) -> None:
    """Mark the entries whose reversal has its day by now."""
    pending = _pending(company)
    due = [key for key, day in pending.items() if date.fromisoformat(day) <= _today(now)]
    for key in due:
        stamp = timestamp_text(datetime.fromtimestamp(int(now), UTC))
        _set_state(company, int(key), DONE, header={"STATE": DONE, "WHENMODIFIED": stamp, "MODIFIED": stamp})
        del pending[key]
    if due:
        company.facts.pending_reversals.put(value=pending)


def _pending(company: CompanyData) -> dict[str, str]:
    return dict(company.facts.pending_reversals.get() or {})


def _set_state(company: CompanyData, key: int, state: str, *, header: Row) -> None:
    line_state = _LINE_STATES.get(state, state)
    stamp = {"WHENMODIFIED": header["WHENMODIFIED"]} if header.get("WHENMODIFIED") else {}
    details = {"BATCH_STATE": line_state, "ENTRY_STATE": line_state, **stamp}
    relabel(company, key, header=header, entries={"STATE": line_state, **stamp}, details=details)


def _today(now: float) -> date:
    return datetime.fromtimestamp(int(now), UTC).date()
