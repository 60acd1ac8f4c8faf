"""A write as the outbox describes it: where it goes, its amounts, and the day on which it posts."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from intacct_bridge.load.outbox.entry import OutboxEntry, Total, WriteTarget, added, total_of
from intacct_bridge.load.records.currency import currency_of
from intacct_bridge.load.records.identity import DOCUMENT_DATES
from intacct_bridge.load.records.write import ACTION_DATE, RecordLine, Write
from intacct_bridge.load.target.target_company import TargetCompany


def write_target(target: TargetCompany, write: Write) -> WriteTarget:
    """Where a write goes, as the outbox keys it: in one case, however the connection writes it."""
    return WriteTarget(target.company, target.entity.casefold(), write.operation, write.object)


def totals(writes: Iterable[Write]) -> tuple[Total, ...]:
    """The amounts of the lines by currency."""
    return added(total for write in writes for _, total in line_totals(write))


def line_totals(write: Write) -> Iterator[tuple[RecordLine, Total]]:
    """Each line that has an amount, with it."""
    for line in write.all_lines:
        if (amount := line.amount) is not None:
            side = {"1": 1, "-1": -1}.get(str(line.fields.get("TR_TYPE")), 0)
            yield line, total_of(currency_of(write, line), amount, side)


def sent_currencies(entry: OutboxEntry) -> frozenset[str]:
    """The currencies in which a record was sent; empty if they are not known.

    The lines of an expense report may be in other currencies than the report itself.
    """
    return frozenset(total.currency for total in entry.totals if entry.target.object != "EEXPENSES") - {""}


def posting_date(write: Write) -> date | None:
    """The day on which a write posts, as far as its own fields say it."""
    names = (ACTION_DATE,) if write.operation.is_action else DOCUMENT_DATES  # a company may have a field of that name
    days = (write.fields.get(name) for name in names)
    return next((day for day in days if isinstance(day, date) and not isinstance(day, datetime)), None)
