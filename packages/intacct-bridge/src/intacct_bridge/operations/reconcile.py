"""Reconcile: whether a copy matches the company, whether its sub-ledgers tie to its ledger, and what that costs.

assert reconcile(client, ReconcileRequest("duckdb:///books.duckdb")).equal
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intacct_bridge.client.client import Client
from intacct_bridge.copies.copy import open_copy
from intacct_bridge.copies.views.tie_out import ControlAccount, TieOut, TieOutLine
from intacct_bridge.extract.estimate import Estimate
from intacct_bridge.reconcile.comparison import Comparison, ComparisonMethod, TableComparison
from intacct_bridge.reconcile.digests import DigestDifference, TableDigest, changed_tables
from intacct_bridge.reconcile.reconcile import ReconcileOptions, Reconciliation, compare_copy, estimate_comparison
from intacct_bridge.reconcile.record_differences import ALTERED, DOUBLED, MISSING, SURPLUS, RecordDifference
from intacct_bridge.reconcile.trial_balances import BalanceDifference
from intacct_bridge.streams.defaults import selected_fields
from intacct_protocol.model.uri_text import redacted

if TYPE_CHECKING:
    from intacct_bridge.runs.recorder import RunRecorder

__all__ = [
    "ALTERED",
    "DOUBLED",
    "MISSING",
    "SURPLUS",
    "BalanceDifference",
    "Comparison",
    "ComparisonMethod",
    "ControlAccount",
    "DigestDifference",
    "Estimate",
    "ReconcileRequest",
    "Reconciliation",
    "RecordDifference",
    "TableComparison",
    "TableDigest",
    "TieOut",
    "TieOutLine",
    "changed_since_report",
    "estimate_reconciliation",
    "reconcile",
]


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """What to compare."""

    copy: str
    """The address of the copy."""
    period: str = ""
    """Only the ledger of this period: a month as 2026-11, or a reporting period by its name."""
    all_fields: bool = False
    """Read every record, so that changed text is found too."""
    ignore: Mapping[str, Sequence[str]] | Sequence[str] = ()
    """Fields that are left out, by table or as `STREAM.FIELD`; `*` in place of a field leaves out the table."""
    digests: bool = False
    """Also make a digest of every table of the copy, by which a report tells later whether the copy has changed."""

    @property
    def options(self) -> ReconcileOptions:
        """The settings of the comparison."""
        return ReconcileOptions(self.period, self.all_fields, selected_fields(self.ignore), digests=self.digests)


def reconcile(
    client: Client,
    request: ReconcileRequest,
    *,
    run: "RunRecorder | None" = None,
    priced: Callable[[Sequence[Estimate]], None] | None = None,
) -> Reconciliation:
    """Compare the copy with the company. `priced` gets the estimate before every record is read.

    SettingsError for another company's copy, and if there is nothing to compare.
    """
    if run is not None:
        run.destination = redacted(request.copy)
    with open_copy(request.copy).open() as copy:
        if priced is not None and request.all_fields:
            priced(estimate_comparison(client, copy, request.options))
        return compare_copy(client, copy, request.options)


def estimate_reconciliation(client: Client, request: ReconcileRequest) -> tuple[Estimate, ...]:
    """What the comparison costs if the copy matches the company, from the rows of the copy."""
    with open_copy(request.copy).open() as copy:
        return tuple(estimate_comparison(client, copy, request.options))


def changed_since_report(uri: str, reported: Mapping[str, TableDigest]) -> tuple[DigestDifference, ...]:
    """The tables of a copy that are not as a report has them. Nothing is read from Intacct."""
    with open_copy(uri).open() as copy:
        return tuple(changed_tables(copy, reported))
