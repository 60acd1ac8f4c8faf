"""The reconciliation report: the verdict, and the accounts and records that differ."""

from collections.abc import Iterator
from decimal import Decimal

from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.edge.views.load import money
from intacct_bridge.flow.reconcile.reconcile import BalanceDifference, Reconciliation, RecordDifference
from intacct_bridge.model.wording import amount_shown, counted

_MOST_SHOWN = 200


def show_reconciliation(found: Reconciliation, console: Console) -> None:
    """The verdict, the differences by account and period, and the records behind them."""
    if console.as_json:
        console.json(as_data(found))
        return
    for line in totals(found):
        console.result(line)
    console.result(verdict(found))
    if found.ties:
        return
    console.result("")
    rows = [
        (
            one.period,
            one.place.account,
            one.place.location,
            f"{one.place.book} {one.place.currency}".strip(),
            money(one.ledger.balance),
            money(one.copy.balance),
            money(one.amount),
        )
        for one in found.differences[:_MOST_SHOWN]
    ]
    console.table(("period", "account", "location", "book", "ledger", "copy", "difference"), rows)
    console.result("")
    for difference in found.differences[:_MOST_SHOWN]:
        for line in _records(difference):
            console.result(line)
    if len(found.differences) > _MOST_SHOWN:
        more = counted(len(found.differences) - _MOST_SHOWN, "more difference")
        console.say(f"{more}; --json prints them all")


def _records(difference: BalanceDifference) -> Iterator[str]:
    where = f"{difference.period}, account {difference.place.account}"
    if difference.records is None:
        yield f"✗ {where}: too many accounts differ to match records; update the copy and reconcile again"
        return
    for record in difference.records:
        yield f"✗ {where}: {_record(record)}"


def _record(one: RecordDifference) -> str:
    ledger = amount_shown(one.ledger) if one.ledger is not None else ""
    copy = amount_shown(one.copy) if one.copy is not None else ""
    amounts = {
        "missing": f"{ledger} in the ledger, not in the copy" if ledger else "not in the copy",
        "surplus": f"{copy} in the copy, not in the ledger" if copy else "not in the ledger",
        "doubled": f"{copy} more than once in the copy" if copy else "twice in the copy",
        "altered": f"{ledger} in the ledger, {copy} in the copy" if ledger and copy else "altered",
    }
    what = f" ({one.what})" if one.what else ""
    return f"{one.kind} GLDETAIL {one.record} of GLBATCH {one.batch}, {one.day}: {amounts.get(one.kind, '')}{what}"


def totals(found: Reconciliation) -> Iterator[str]:
    """The debits and credits of the copy, a line for each book and currency."""
    for (book, currency), amounts in found.totals.items():
        debits = amounts.debits + amounts.adjusting_debits
        credits_ = amounts.credits + amounts.adjusting_credits
        yield f"{book} {currency}: debits {amount_shown(debits, currency)}, credits {amount_shown(credits_, currency)}"


def verdict(found: Reconciliation) -> str:
    """The result in one sentence."""
    balances, periods = counted(found.places, "balance"), counted(len(found.periods), "period")
    if found.ties:
        return f"the copy equals the ledger to the cent: {balances} in {periods} compared"
    off = sum((abs(one.amount) for one in found.differences), Decimal(0))
    differ = f"{len(found.differences):,} of {balances} in {periods} differ"
    return f"the copy does not equal the ledger: {differ}, by {amount_shown(off)} in all"


def as_data(found: Reconciliation) -> dict[str, object]:
    """The report as plain data, for JSON."""
    return {
        "ties": found.ties,
        "periods": [one.name for one in found.periods],
        "compared": found.places,
        "transactions": found.transactions,
        "totals": [
            {
                "book": book,
                "currency": currency,
                "debits": amounts.debits + amounts.adjusting_debits,
                "credits": amounts.credits + amounts.adjusting_credits,
            }
            for (book, currency), amounts in found.totals.items()
        ],
        "differences": [
            {
                "period": one.period,
                "account": one.place.account,
                "location": one.place.location,
                "book": one.place.book,
                "currency": one.place.currency,
                "ledger": one.ledger.balance,
                "copy": one.copy.balance,
                "records": None
                if one.records is None
                else [
                    {
                        "kind": record.kind,
                        "record": record.record,
                        "batch": record.batch,
                        "date": record.day,
                        "ledger": record.ledger,
                        "copy": record.copy,
                        "what": record.what,
                    }
                    for record in one.records
                ],
            }
            for one in found.differences
        ],
    }
