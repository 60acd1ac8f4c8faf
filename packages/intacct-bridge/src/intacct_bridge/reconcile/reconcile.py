"""Reconciliation of a copy: whether it matches the company, and whether its sub-ledgers tie to its ledger.

The two questions are answered apart. A copy may equal a company whose sub-ledgers do not tie.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.estimate import Estimate
from intacct_bridge.reconcile.comparison import Comparer, Comparison, TableComparison
from intacct_bridge.reconcile.copy_reader import CopyReader
from intacct_bridge.reconcile.ledger_copy import open_ledger
from intacct_bridge.reconcile.record_differences import RecordDifference
from intacct_bridge.reconcile.trial_balances import (
    ALL_TIME,
    BalanceDifference,
    LedgerComparison,
    Period,
    compare_ledger,
    named_period,
)
from intacct_protocol.errors import InvalidRequestError, SettingsError


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """What to compare."""

    period: str = ""
    """Only the ledger of this period: a month as 2026-11, or a reporting period by its name."""
    all_fields: bool = False
    """Read every record, so that changed text is found too."""
    ignored: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Fields by table that are left out."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The result."""

    company: str
    at: datetime
    """The company's time when the comparison began."""
    comparison: Comparison
    ledger: LedgerComparison | None = None
    """None if the copy has no ledger."""
    no_ledger: str = ""
    """Why the ledger was not compared."""
    transactions: int = 0

    @property
    def equal(self) -> bool:
        """Whether the copy matches the company."""
        return self.comparison.equal and (self.ledger is None or self.ledger.equal)

    @property
    def last_day(self) -> date:
        """The last day of the period, or the company's day if there is none."""
        last = self.ledger.periods[-1].last if self.ledger and len(self.ledger.periods) == 1 else None
        return last or self.at.date()

    @property
    def balances(self) -> tuple[BalanceDifference, ...]:
        """The balances that differ."""
        return self.ledger.differences if self.ledger else ()

    @property
    def records(self) -> tuple[RecordDifference, ...]:
        """The records that differ."""
        return self.comparison.records


Watch = Callable[[TableComparison], None]


def reconcile(
    gateway: ReadGateway, copy: CopyReader, options: ReconcileOptions | None = None, watch: Watch | None = None
) -> Reconciliation:
    """Compare a copy with the company; `watch` is called with each table.

    SettingsError for another company's copy, and if there is nothing to compare.
    """
    options = options or ReconcileOptions()
    before, began = gateway.meter.transactions, gateway.company_time
    period = named_period(gateway, options.period) if options.period else ALL_TIME
    comparer = _comparer(gateway, copy, options, period)
    ledger, reason = None, ""
    try:
        ledger_copy = open_ledger(copy)
    except SettingsError as error:
        if options.period:
            raise
        reason = error.message
    else:
        ledger = compare_ledger(gateway, ledger_copy, period)
    for table in comparer.run():
        if watch:
            watch(table)
    found = comparer.finish()
    if ledger is None and not found.tables:
        raise SettingsError(
            "the copy holds no table that can be compared", fix="extract objects, such as GLDETAIL: intacct extract"
        )
    spent = gateway.meter.transactions - before
    return Reconciliation(gateway.connection.company_id, began, found, ledger, reason, spent)


def estimate_comparison(gateway: ReadGateway, copy: CopyReader, options: ReconcileOptions) -> list[Estimate]:
    """What the comparison would cost if the copy matches the company, from the rows of the copy."""
    period = named_period(gateway, options.period) if options.period else ALL_TIME
    found = _comparer(gateway, copy, options, period).estimates()
    try:
        books = len(open_ledger(copy).books()) or 1
    except SettingsError:
        return found
    return [Estimate("trial balance", 0, books), *found]


def _comparer(gateway: ReadGateway, copy: CopyReader, options: ReconcileOptions, period: Period) -> Comparer:
    if options.all_fields and period != ALL_TIME:
        raise InvalidRequestError("`fields` compares whole tables, and `period` a part of the ledger")
    return Comparer(gateway, copy, all_fields=options.all_fields, ignored=options.ignored, period=period)
