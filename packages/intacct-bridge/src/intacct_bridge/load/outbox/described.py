"""A write as the outbox describes it: where it goes, its amounts, and the day on which it posts."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from intacct_bridge.load.outbox.entry import Total, WriteTarget
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import ACTION_DATE, Write
from intacct_bridge.load.target.target_company import TargetCompany

_DAYS = ("BATCH_DATE", "WHENPOSTED", "PAYMENTDATE", "RECEIPTDATE", "WHENCREATED")


def write_target(target: TargetCompany, write: Write) -> WriteTarget:
    """Where a write goes, as the outbox keys it: in one case, however the connection writes it."""
    return WriteTarget(target.company, target.entity.casefold(), write.operation, write.object)


def totals(writes: Iterable[Write]) -> tuple[Total, ...]:
    """The amounts by currency: debits, credits, and those that are neither."""
    sums: dict[str, dict[str, Decimal]] = {}
    for write in writes:
        for line in write.all_lines:
            amount, side = line.amount, line.fields.get("TR_TYPE")
            if amount is not None:
                currency = comparable(line.fields.get("CURRENCY") or write.fields.get("CURRENCY"))
                kind = {"1": "debit", "-1": "credit"}.get(str(side), "amount")
                of_currency = sums.setdefault(currency, {})
                of_currency[kind] = of_currency.get(kind, Decimal(0)) + amount
    return tuple(Total(currency, **amounts) for currency, amounts in sorted(sums.items()))


def posting_date(write: Write) -> date | None:
    """The day on which a write posts, as far as its own fields say it."""
    names = (ACTION_DATE,) if write.operation.is_action else _DAYS  # a company may have a field of that name
    days = (write.fields.get(name) for name in names)
    return next((day for day in days if isinstance(day, date) and not isinstance(day, datetime)), None)
