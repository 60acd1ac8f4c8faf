"""A plan and the outcomes of a load, as a controller reads them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.flow.plan.plan import WRITTEN, Plan, PlannedRecord, Verdict
from intacct_bridge.flow.post.loader import Ending, RecordOutcome
from intacct_bridge.flow.records.tables import SourceRow
from intacct_bridge.flow.records.write import Write

_SHOWN = 40
"""Records listed one by one; a longer file is summed up, and its refusals are still listed."""


def show_plan(plan: Plan, console: Console, *, records: bool = True) -> None:
    """The records with their verdicts (unless the outcomes will follow), the refusals, the totals, the cost."""
    if console.as_json:
        console.json(_plan_data(plan, console))
        return
    counts = Counter(planned.verdict for planned in plan.records)
    said = ", ".join(f"{counts[verdict]:,} {_word(verdict)}" for verdict in Verdict if counts[verdict])
    console.result(f"{plan.source}: {len(plan.records):,} records ({said or 'none'})")
    if records and len(plan.records) <= _SHOWN:
        console.result("")
        console.table(("record", "verdict", "lines", "amount", "known as"), [_row(planned) for planned in plan.records])
    if records:
        _show_changes(plan.of(Verdict.UPDATE)[:_SHOWN], console)
    _show_refusals(plan.of(Verdict.REFUSED), console)
    _show_advice(plan.records, console)
    for note in (*plan.notes, *(f"not checked: {text}" for text in plan.unchecked)):
        console.say(note)
    console.result("")
    for total in plan.totals:
        currency = f" {total.currency}" if total.currency else ""
        if total.debit or total.credit:
            console.result(f"debits {total.debit:,.2f}, credits {total.credit:,.2f}{currency}")
        if total.amount:
            console.result(f"amounts {total.amount:,.2f}{currency}")
    console.result(f"applying costs {plan.transactions:,} API transactions; planning took {plan.reads:,}")


def _word(verdict: Verdict) -> str:
    return {Verdict.CREATE: "to create", Verdict.UPDATE: "to update", Verdict.DELETE: "to delete"}.get(
        verdict, verdict.value
    )


def _row(planned: PlannedRecord) -> tuple[object, ...]:
    write = planned.write
    record = planned.receipt.record if planned.receipt is not None else ""
    when = f" since {planned.since:%Y-%m-%d}" if planned.since is not None and record else ""
    known = f"{write.object} {record}{when}" if record else ""
    return write.label, planned.verdict.value, sum(1 for _ in write.all_lines), amount_of(write), known


def amount_of(write: Write) -> Decimal | None:
    """The sum of a journal entry's debits, or of other lines; None for records whose lines have no amounts."""
    amounts = [
        amount
        for line in write.all_lines
        if line.fields.get("TR_TYPE", 1) == 1 and isinstance(amount := line.fields.get("TRX_AMOUNT"), Decimal)
    ]
    return money(sum(amounts, Decimal(0))) if amounts else None


def money(amount: Decimal) -> Decimal:
    """The same amount with two decimals, more only where they say something, as columns of money are written."""
    whole, _, fraction = format(amount, "f").partition(".")
    return Decimal(f"{whole}.{fraction.rstrip('0'):0<2}")


def _show_changes(updates: Sequence[PlannedRecord], console: Console) -> None:
    if updates:
        console.result("")
        console.result("Changes:")
    for planned in updates:
        for change in planned.changes:
            console.result(console.wrapped("  ", f"{planned.write.label}: {change}"))


def _show_refusals(refused: Sequence[PlannedRecord], console: Console) -> None:
    if not refused:
        return
    console.result("")
    console.result("Refused:")
    for planned in refused:
        for finding in planned.reasons:
            console.result(console.wrapped("  ✗ ", console.spelled(str(finding))))


def _show_advice(records: Iterable[PlannedRecord], console: Console) -> None:
    for planned in records:
        for finding in planned.findings:
            if not finding.refuses and planned.verdict is not Verdict.UNCHANGED:
                console.say(f"  ! {console.spelled(str(finding))}")


def _plan_data(plan: Plan, console: Console) -> dict[str, object]:
    return {
        "source": plan.source,
        "company": plan.target.company,
        "environment": plan.target.environment,
        "object": plan.object,
        "transactions": plan.transactions,
        "reads": plan.reads,
        "totals": [
            {"currency": one.currency, "debit": one.debit, "credit": one.credit, "amount": one.amount}
            for one in plan.totals
        ],
        "unchecked": list(plan.unchecked),
        "records": [
            {
                "record": planned.write.label,
                "position": planned.write.position,
                "verdict": planned.verdict.value,
                "key": planned.receipt.record if planned.receipt else None,
                "reasons": [console.spelled(str(finding)) for finding in planned.reasons],
                "changes": [
                    {"field": change.name, "before": change.before, "after": change.after} for change in planned.changes
                ],
            }
            for planned in plan.records
        ],
    }


def show_outcomes(outcomes: Sequence[RecordOutcome], console: Console) -> None:
    """What became of each record, and the receipts."""
    rows = [
        (
            outcome.write.label,
            outcome.ending.value,
            f"{outcome.write.object} {outcome.receipt.record}" if outcome.receipt and outcome.receipt.record else "",
            _why(outcome),
        )
        for outcome in outcomes
    ]
    console.table(("record", "outcome", "receipt", "why"), rows, empty="nothing to do")


def show_known(known: Sequence[PlannedRecord], console: Console) -> None:
    """The receipts of records that an earlier run posted."""
    rows = [
        (
            planned.write.label,
            f"{planned.write.object} {planned.receipt.record}" if planned.receipt else "",
            planned.since,
        )
        for planned in known
    ]
    if rows or console.as_json:
        console.table(("record", "receipt", "sent"), rows)


def rejected_rows(outcomes: Iterable[RecordOutcome]) -> list[tuple[SourceRow, str]]:
    """The rows of records that Intacct refused, each with its reason."""
    refused = [outcome for outcome in outcomes if outcome.ending is Ending.REJECTED]
    return [(row, _why(outcome)) for outcome in refused for row in outcome.write.rows]


def _why(outcome: RecordOutcome) -> str:
    if outcome.faults:
        from intacct_bridge.diagnosis import diagnose

        known = diagnose(outcome.faults, "function")
        return f"{known.means} {known.fault.text}" if known.entry else str(known.fault)
    return outcome.note


def tally(outcomes: Sequence[RecordOutcome], plan: Plan) -> str:
    """`8 posted, 1 rejected, 3 not sent`: those that a load which stopped did not come to are not sent."""
    counts = Counter(outcome.ending.value for outcome in outcomes)
    reached = {outcome.write.identity.text for outcome in outcomes}
    counts[Ending.NOT_SENT.value] += sum(one.write.identity.text not in reached for one in plan.of(*WRITTEN))
    return ", ".join(f"{count:,} {ending}" for ending, count in counts.items() if count) or "nothing to do"
