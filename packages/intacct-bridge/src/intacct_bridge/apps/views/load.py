"""A plan and the outcomes of a load, as a controller reads them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from intacct_bridge.apps.terminal.console import Console
from intacct_bridge.apps.views.finding_causes import causes
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.plan.plan import WRITTEN, Plan, PlannedRecord, Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import ACTION_COMMENT, ACTION_DATE, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.current_records import AMOUNTS
from intacct_bridge.runs.recorder import counts_of
from intacct_protocol.model.wording import amount_shown, counted, money

_SHOWN = 40
"""Records listed one by one; a longer file is summed up, and its refusals are still listed."""
_TO_DO = {one: f"to {one.value}" for one in WRITTEN}


def show_plan(plan: Plan, console: Console, *, records: bool = True) -> None:
    """The records with their verdicts (unless the outcomes will follow), the refusals, the totals, the cost."""
    if console.as_json:
        console.json(plan_data(plan, console))
        return
    counts = Counter(record.verdict for record in plan.records)
    by_verdict = [f"{counts[one]:,} {_TO_DO.get(one, one.value)}" for one in Verdict if counts[one]]
    console.result(f"{plan.source}: {counted(len(plan.records), 'record')} ({', '.join(by_verdict) or 'none'})")
    if records and 0 < len(plan.records) <= _SHOWN:
        columns = ("record", "verdict", "lines", "amount", "Intacct record")
        console.result("")
        console.table(columns, [_row(record) for record in plan.records])
    if records:
        _show_changes(plan.of(Verdict.UPDATE)[:_SHOWN], console)
        _show_existing([record for record in plan.of(*WRITTEN) if record.existing][:_SHOWN], console)
    show_refusals(plan.of(Verdict.REFUSED), console)
    _show_warnings(plan.records, console)
    for note in (*plan.notes, *(f"not checked: {text}" for text in plan.unchecked)):
        console.say(note)
    console.result("")
    for total in plan.totals:
        currency = f" {total.currency}" if total.currency else ""
        if total.debit or total.credit:
            debit, credit = (amount_shown(side, total.currency) for side in (total.debit, total.credit))
            console.result(f"debits {debit}, credits {credit}{currency}")
        if total.amount:
            console.result(f"amounts {amount_shown(total.amount, total.currency)}{currency}")
    console.result(f"Applying costs {counted(plan.transactions, 'API transaction')}; planning took {plan.reads:,}")


def _row(record: PlannedRecord) -> tuple[object, ...]:
    write = record.write
    number = record.receipt.record if record.receipt is not None else ""
    since = f" since {record.since:%Y-%m-%d}" if record.since is not None and number else ""
    existing = f"{write.object} {number}{since}" if number else ""
    amount = amount_of(write) if write.lines else _existing_amount(record)
    return write.label, record.verdict.value, sum(1 for _ in write.all_lines), amount, existing


def amount_of(write: Write) -> Decimal | None:
    """The sum of a journal entry's debits, or of other lines; None for records whose lines have no amounts."""
    amounts = [
        line.amount for line in write.all_lines if line.fields.get("TR_TYPE", 1) == 1 and line.amount is not None
    ]
    return money(sum(amounts, Decimal(0)), _currency_of(write)) if amounts else None


def content_of(write: Write, *, most_lines: int) -> dict[str, Any]:
    """All that is sent of a record: its fields, and its lines as a table, up to a number of them."""
    lines = [line.fields for line in write.all_lines]
    columns = list(dict.fromkeys(name for line in lines for name, value in line.items() if value is not None))
    return {
        "fields": {name: _sent(name, value) for name, value in write.fields.items() if value is not None},
        "columns": columns,
        "lines": [[_sent(name, line.get(name)) for name in columns] for line in lines[:most_lines]],
        "lines_left_out": max(0, len(lines) - most_lines),
    }


def _sent(name: str, value: Any) -> Any:
    """A value as a person reads it: a number that is a key has no separators, and a side is a word."""
    if name == "TR_TYPE":
        return {"1": "debit", "-1": "credit"}.get(str(value), value)
    if isinstance(value, Decimal):
        return money(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _currency_of(write: Write) -> str:
    """The one currency of a record; empty if it names none, or several."""
    usual = write.fields.get("CURRENCY")
    found = {comparable(line.fields.get("CURRENCY") or usual) for line in write.all_lines} or {comparable(usual)}
    return found.pop() if len(found) == 1 else ""


def _existing_amount(record: PlannedRecord) -> Decimal | None:
    """The amount of the record that is deleted or acted on, if the company shows one."""
    found = next((record.existing[name] for name in AMOUNTS if name in record.existing), None)
    return money(Decimal(found), record.existing.get("CURRENCY", "")) if found is not None else None


def _show_changes(updates: Sequence[PlannedRecord], console: Console) -> None:
    if updates:
        console.result("")
        console.result("Changes:")
    for record in updates:
        for change in record.changes:
            console.result(console.wrapped("  ", f"{record.write.label}: {change}"))
            for line in change.lines:
                console.result(console.wrapped("      ", line))


def _show_existing(records: Sequence[PlannedRecord], console: Console) -> None:
    """The facts of the records that are deleted or acted on, and the day and text of the action."""
    if records:
        console.result("")
        console.result("Existing records:")
    for record in records:
        given = {name: record.write.fields.get(name) for name in (ACTION_DATE, ACTION_COMMENT)}
        asked = "".join(f"; {name.lower()} {value}" for name, value in given.items() if value)
        facts = ", ".join(f"{name} {value}" for name, value in record.existing.items())
        console.result(console.wrapped("  ", f"{record.write.label}: {facts}{asked}"))


def show_refusals(refused: Sequence[PlannedRecord], console: Console) -> None:
    """Each reason that refuses one of these records."""
    if not refused:
        return
    console.result("")
    console.result("Refused:")
    for cause in causes(finding for record in refused for finding in record.reasons):
        console.result(console.wrapped("  ✗ ", console.spelled(str(cause))))


def _show_warnings(records: Iterable[PlannedRecord], console: Console) -> None:
    open_records = (record for record in records if record.verdict is not Verdict.UNCHANGED)
    for cause in causes(finding for record in open_records for finding in record.findings if not finding.refuses):
        console.say(console.wrapped("  ! ", console.spelled(str(cause))))


def plan_data(plan: Plan, console: Console) -> dict[str, object]:
    """The plan as JSON shows it."""
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
        "refusals": [
            {
                "rows": list(cause.rows),
                "column": cause.findings[0].column,
                "message": cause.findings[0].message,
                "fix": console.spelled(cause.findings[0].fix),
            }
            for cause in causes(finding for record in plan.of(Verdict.REFUSED) for finding in record.reasons)
        ],
        "records": [
            {
                "record": record.write.label,
                "position": record.write.position,
                "verdict": record.verdict.value,
                "operation": record.write.operation.value,
                "object": record.write.object,
                "key": record.receipt.record if record.receipt else None,
                "existing": dict(record.existing),
                "takes_back_entry": record.write.undoes,
                "reasons": [console.spelled(str(finding)) for finding in record.reasons],
                "changes": [
                    {"field": change.name, "before": change.before, "after": change.after}
                    | ({"lines": list(change.lines)} if change.lines else {})
                    for change in record.changes
                ],
            }
            for record in plan.records
        ],
    }


def load_data(done: Sequence[tuple[Plan, Sequence[RecordOutcome] | None]], console: Console) -> dict[str, object]:
    """The files of a load, as JSON shows them: each with its plan, or with its outcomes once it was applied."""
    files = [_file_data(plan, outcomes, console) for plan, outcomes in done]
    records = [one.status for _, outcomes in done for one in outcomes or ()]
    planned = [record for plan, _ in done for record in plan.records]
    left = sum(unreached(outcomes, plan) for plan, outcomes in done if outcomes is not None)
    counts = counts_of(records, unsent=left)
    to_send = sum(record.verdict in (*WRITTEN, Verdict.IN_DOUBT) for record in planned)
    known = sum(record.verdict is Verdict.UNCHANGED for record in planned)
    totals = {
        "records": len(planned),
        "to_send": to_send if all(outcomes is None for _, outcomes in done) else 0,
        "posted": counts.posted,
        "already_in_intacct": counts.known or known,
        "refused": counts.refused + sum(record.verdict is Verdict.REFUSED for record in planned),
        "in_doubt": counts.in_doubt,
        "not_sent": counts.not_sent,
    }
    return {"totals": totals, "files": files}


def _file_data(plan: Plan, outcomes: Sequence[RecordOutcome] | None, console: Console) -> dict[str, object]:
    data = plan_data(plan, console)
    if outcomes is None:
        return data
    del data["records"]
    known = [] if outcomes else list(plan.of(Verdict.UNCHANGED))
    shown = [dict(zip(OUTCOME_COLUMNS, row, strict=True)) for row in outcome_rows(outcomes, as_json=True)]
    shown += [dict(zip(OUTCOME_COLUMNS, _known_row(record), strict=True)) for record in known]
    return {**data, "outcomes": shown}


def _known_row(record: PlannedRecord) -> tuple[str, ...]:
    receipt = f"{record.write.object} {record.receipt.record}" if record.receipt else ""
    since = f"sent {record.since:%Y-%m-%d}" if record.since is not None else ""
    return record.write.label, RecordStatus.UNCHANGED.outcome_text, receipt, since


OUTCOME_COLUMNS = ("record", "outcome", "receipt", "why")


def show_outcomes(outcomes: Sequence[RecordOutcome], console: Console) -> None:
    """The outcome of each record, and the receipts; a load that ended before its first record shows no table."""
    if outcomes or console.as_json:
        console.table(OUTCOME_COLUMNS, outcome_rows(outcomes, as_json=console.as_json))


def outcome_rows(outcomes: Sequence[RecordOutcome], *, as_json: bool) -> list[tuple[str, ...]]:
    """A row for each record."""
    return [
        (
            outcome.write.label,
            outcome.status.outcome_text if as_json else _outcome_word(outcome),
            f"{outcome.write.object} {outcome.receipt.record}" if outcome.receipt and outcome.receipt.record else "",
            outcome.reason,
        )
        for outcome in outcomes
    ]


def log_outcomes(outcomes: Sequence[RecordOutcome], console: Console) -> None:
    """A line of the log for each record that is not in Intacct as it was to be."""
    for outcome in outcomes:
        if not outcome.good:
            text = f"{outcome.write.label}: {outcome.status.outcome_text}: {outcome.reason}"
            console.event(text, level="error", record=outcome.write.label, object=outcome.write.object)


def _outcome_word(outcome: RecordOutcome) -> str:
    """The outcome in a word for people: only new records are posted."""
    if outcome.status is RecordStatus.APPLIED and outcome.write.operation is not WriteOperation.CREATE:
        return outcome.write.operation.past_tense
    return outcome.status.outcome_text


def show_known(known: Sequence[PlannedRecord], console: Console) -> None:
    """The receipts of records that an earlier run posted."""
    rows = [
        (
            record.write.label,
            f"{record.write.object} {record.receipt.record}" if record.receipt else "",
            record.since,
        )
        for record in known
    ]
    if rows or console.as_json:
        console.table(("record", "receipt", "sent"), rows)


def rejected_rows(outcomes: Iterable[RecordOutcome]) -> list[tuple[SourceRow, str]]:
    """The rows of records that Intacct refused, each with its reason."""
    refused = [outcome for outcome in outcomes if outcome.status is RecordStatus.REJECTED]
    return [(row, outcome.reason) for outcome in refused for row in outcome.write.rows]


def tally(outcomes: Sequence[RecordOutcome], plan: Plan) -> str:
    """`8 posted, 1 rejected, 3 not sent`: records that a stopped load did not reach are not sent."""
    return tally_of(map(_outcome_word, outcomes), unreached(outcomes, plan))


def tally_of(words: Iterable[str], left: int) -> str:
    """The same for outcomes in words, and the number of records that a stopped load did not reach."""
    counts = Counter(words)
    counts[RecordStatus.NOT_SENT.outcome_text] += left
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "nothing to do"


def unreached(outcomes: Sequence[RecordOutcome], plan: Plan) -> int:
    """The records that a stopped load did not get to."""
    reached = {outcome.write.identity.text for outcome in outcomes}
    return sum(record.write.identity.text not in reached for record in plan.of(*WRITTEN))
