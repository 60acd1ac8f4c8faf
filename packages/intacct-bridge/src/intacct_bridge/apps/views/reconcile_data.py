"""The result of a reconciliation as plain data: what `--json` prints, and what the report holds."""

from typing import Any

from intacct_bridge.apps.views.reconcile import sides
from intacct_bridge.apps.views.tie_out import tie_out_data
from intacct_bridge.copies.views.tie_out import TieOut
from intacct_bridge.reconcile.comparison import TableComparison
from intacct_bridge.reconcile.reconcile import Reconciliation
from intacct_bridge.reconcile.record_differences import RecordDifference
from intacct_bridge.reconcile.trial_balances import BalanceDifference, LedgerComparison


def as_data(found: Reconciliation, tied: TieOut) -> dict[str, Any]:
    """The result as plain data."""
    return {
        "equal": found.equal,
        "company": found.company,
        "at": found.at,
        "transactions": found.transactions,
        "ledger": _ledger(found.ledger) if found.ledger else None,
        "ledger_not_compared": found.no_ledger,
        "tables": [_table(one) for one in found.comparison.tables],
        "missing_tables": [
            {"table": one.table, "reason": one.reason, "fix": one.fix} for one in found.comparison.missing
        ],
        "records": [_record(one) for one in found.records],
        "checks": [
            {
                "check": one.failed.check,
                "journal_entries": one.failed.total,
                "first": list(one.failed.entries[:10]),
                "differs_from_company": one.confirmed,
            }
            for one in found.comparison.checks
        ],
        "sub_ledgers": tie_out_data(tied),
        "not_compared": [
            {"table": one.table, "fields": list(one.fields), "reason": one.reason}
            for one in found.comparison.not_compared
        ],
    }


def _ledger(found: LedgerComparison) -> dict[str, Any]:
    return {
        "equal": found.equal,
        "periods": [one.name for one in found.periods],
        "compared": found.places,
        "totals": [
            {
                "book": book,
                "currency": currency,
                "debits": amounts.debits + amounts.adjusting_debits,
                "credits": amounts.credits + amounts.adjusting_credits,
            }
            for (book, currency), amounts in found.totals.items()
        ],
        "differences": [_balance(one) for one in found.differences],
    }


def _balance(one: BalanceDifference) -> dict[str, Any]:
    return {
        "period": one.period,
        "account": one.place.account,
        "location": one.place.location,
        "book": one.place.book,
        "currency": one.place.currency,
        "sides": [
            {"side": name, "ledger": ledger, "copy": copy, "difference": copy - ledger}
            for name, ledger, copy in sides(one.ledger, one.copy)
        ],
    }


def _table(one: TableComparison) -> dict[str, Any]:
    return {
        "table": one.table,
        "equal": one.equal,
        "compared_by": one.method.value,
        "records": one.rows,
        "company_records": one.company_rows,
        "groups": list(one.groups),
        "fields_not_proven": list(one.unproven),
        "differing": len(one.records),
        "more_differ": one.more,
        "note": one.note,
    }


def _record(one: RecordDifference) -> dict[str, Any]:
    return {
        "table": one.table,
        "kind": one.kind,
        "record": one.record,
        "owner": {"object": one.owner_object, "record": one.owner} if one.owner else None,
        "natural_key": one.natural_key or None,
        "fields": [{"field": each.name, "company": each.company, "copy": each.copy} for each in one.fields],
        "row": dict(one.row) if one.row else None,
        "changed_in_company": one.modified,
    }
