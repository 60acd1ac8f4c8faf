"""Reconciliation of a copy: whether it matches the company, and whether its sub-ledgers tie to its ledger.

The two questions are answered apart. A copy may equal a company whose sub-ledgers do not tie.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.copies.views.tie_out import TieOut, tie_out
from intacct_bridge.extract.estimate import Estimate
from intacct_bridge.reconcile.comparison import Comparer, Comparison
from intacct_bridge.reconcile.digests import TableDigest, table_digests
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
    digests: bool = False
    """Also make a digest of every table of the copy."""


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
    tie_out: TieOut | None = None
    """Whether the sub-ledgers tie to the ledger, on the last day."""
    digests: tuple[TableDigest, ...] = ()
    """By these a report tells later whether the copy has changed; none unless they were asked for."""

    @property
    def ties(self) -> bool:
        """Whether no sub-ledger has an unexplained difference from the ledger."""
        return self.tie_out is None or self.tie_out.ties

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

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        comparison = self.comparison
        return {
            "equal": self.equal,
            "company": self.company,
            "at": self.at,
            "transactions": self.transactions,
            "ledger": self.ledger.to_dict() if self.ledger else None,
            "ledger_not_compared": self.no_ledger,
            "tables": [table.to_dict() for table in comparison.tables],
            "missing_tables": [asdict(missing) for missing in comparison.missing],
            "records": [record.to_dict() for record in self.records],
            "checks": [
                {
                    "check": check.failed.check,
                    "journal_entries": check.failed.total,
                    "first": list(check.failed.entries[:10]),
                    "differs_from_company": check.confirmed,
                }
                for check in comparison.checks
            ],
            "sub_ledgers": self.tie_out.to_dict() if self.tie_out else None,
            "not_compared": [
                {"table": one.table, "fields": list(one.fields), "reason": one.reason}
                for one in comparison.not_compared
            ],
        }


def compare_copy(gateway: ReadGateway, copy: OpenCopy, options: ReconcileOptions | None = None) -> Reconciliation:
    """Compare a copy with the company, and the sub-ledgers of the copy with its ledger.

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
    for _ in comparer.run():
        pass
    comparison = comparer.finish()
    if ledger is None and not comparison.tables:
        raise SettingsError(
            "the copy holds no table that can be compared", fix="extract objects, such as GLDETAIL: intacct extract"
        )
    spent = gateway.meter.transactions - before
    result = Reconciliation(gateway.connection.company_id, began, comparison, ledger, reason, spent)
    digests = tuple(table_digests(copy)) if options.digests else ()
    return replace(result, tie_out=tie_out(copy, result.last_day), digests=digests)


def estimate_comparison(gateway: ReadGateway, copy: OpenCopy, options: ReconcileOptions) -> list[Estimate]:
    """What the comparison would cost if the copy matches the company, from the rows of the copy."""
    period = named_period(gateway, options.period) if options.period else ALL_TIME
    estimates = _comparer(gateway, copy, options, period).estimates()
    try:
        books = len(open_ledger(copy).books()) or 1
    except SettingsError:
        return estimates
    return [Estimate("trial balance", 0, books), *estimates]


def _comparer(gateway: ReadGateway, copy: OpenCopy, options: ReconcileOptions, period: Period) -> Comparer:
    if options.all_fields and period != ALL_TIME:
        raise InvalidRequestError("`fields` compares whole tables, and `period` a part of the ledger")
    return Comparer(gateway, copy, all_fields=options.all_fields, ignored=options.ignored, period=period)
