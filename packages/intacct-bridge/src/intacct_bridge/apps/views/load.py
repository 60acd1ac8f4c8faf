"""A plan and the outcomes of a load, as a controller reads them."""

from collections.abc import Iterable, Sequence

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.views.plan_summary import show_groups, show_records, show_totals
from intacct_bridge.operations.plans import (
    RECORDS_ON_PAGE,
    WRITTEN,
    Plan,
    PlannedRecord,
    PlanSummary,
    RecordOutcome,
    RecordStatus,
    RecordSummary,
    Verdict,
    causes,
    counts_of,
    summary_of,
    unreached,
)
from intacct_protocol.model.wording import counted, display_text

_TO_DO = {verdict.value: f"to {verdict.value}" for verdict in WRITTEN}


def show_plan(plan: Plan, output: Output, *, records: bool = True) -> None:
    """The records with their verdicts (unless the outcomes will follow), the refusals, the totals, the cost."""
    if output.as_json:
        output.json(plan.to_dict(output.spelled))
        return
    summary = summary_of(plan)
    show_counts(plan, summary, output)
    if records and len(summary.records) > 0 and not summary.is_long:
        output.result("")
        show_records(summary.records, output)
    elif records and summary.is_long:
        show_groups(summary, output)
        output.say("Every record of a plan that --out saved is on a page of: intacct plan show PLAN")
    show_details(plan, summary.records if records else (), output)
    output.result("")
    show_totals(summary.totals, output)
    show_cost(plan, output)


def show_counts(plan: Plan, summary: PlanSummary, output: Output) -> None:
    """How many records the plan has, by what is to be done with them, or what they have become."""
    states = [f"{count:,} {_TO_DO.get(state, state)}" for state, count in summary.states.items()]
    records = f"{counted(len(summary.records), 'record')} ({', '.join(states) or 'none'})"
    output.result(f"{display_text(plan.source)}: {records}")


def show_details(plan: Plan, records: Sequence[RecordSummary], output: Output) -> None:
    """What is changed, deleted or acted on of these records; and the refusals and warnings of the plan."""
    planned = [record.planned for record in records if not record.became]
    _show_changes([record for record in planned if record.verdict is Verdict.UPDATE][:RECORDS_ON_PAGE], output)
    _show_existing([record for record in planned if record.is_open and record.existing][:RECORDS_ON_PAGE], output)
    show_refusals(plan.of(Verdict.REFUSED), output)
    _show_warnings(plan.records, output)
    for note in (*plan.notes, *(f"not checked: {text}" for text in plan.unchecked)):
        output.say(display_text(note))


def show_cost(plan: Plan, output: Output) -> None:
    """The API transactions of the plan."""
    output.result(f"Applying costs {counted(plan.transactions, 'API transaction')}; planning took {plan.reads:,}")


def _show_changes(updates: Sequence[PlannedRecord], output: Output) -> None:
    if updates:
        output.result("")
        output.result("Changes:")
    for record in updates:
        for change in record.changes:
            output.result(output.wrapped("  ", f"{record.write.label}: {display_text(str(change))}"))
            for line in change.lines:
                output.result(output.wrapped("      ", display_text(line)))


def _show_existing(records: Sequence[PlannedRecord], output: Output) -> None:
    """The facts of the records that are deleted or acted on, and the day and text of the action."""
    if records:
        output.result("")
        output.result("Existing records:")
    for record in records:
        request = "".join(f"; {name} {value}" for name, value in record.action_options.items())
        facts = ", ".join(f"{name} {value}" for name, value in record.existing.items())
        output.result(output.wrapped("  ", f"{record.write.label}: {display_text(facts + request)}"))


def show_refusals(refused: Sequence[PlannedRecord], output: Output) -> None:
    """Each reason that refuses one of these records."""
    if not refused:
        return
    output.result("")
    output.result("Refused:")
    for cause in causes(finding for record in refused for finding in record.reasons):
        output.result(output.wrapped("  ✗ ", output.spelled(str(cause))))


def _show_warnings(records: Iterable[PlannedRecord], output: Output) -> None:
    open_records = (record for record in records if record.verdict is not Verdict.UNCHANGED)
    for cause in causes(finding for record in open_records for finding in record.findings if not finding.refuses):
        output.complain(output.wrapped("  ! ", output.spelled(str(cause))))


def load_data(done: Sequence[tuple[Plan, Sequence[RecordOutcome] | None]], output: Output) -> dict[str, object]:
    """The files of a load, as JSON shows them: each with its plan, or with its outcomes once it was applied."""
    files = [_file_data(plan, outcomes, output) for plan, outcomes in done]
    records = [one.status for _, outcomes in done for one in outcomes or ()]
    planned = [record for plan, _ in done for record in plan.records]
    left = sum(unreached(outcomes, plan) for plan, outcomes in done if outcomes is not None)
    counts = counts_of(records, unsent=left)
    to_send = sum(record.verdict in (*WRITTEN, Verdict.IN_DOUBT) for record in planned)
    unchanged = sum(record.verdict is Verdict.UNCHANGED for record in planned)
    totals = {
        "records": len(planned),
        "to_send": to_send if all(outcomes is None for _, outcomes in done) else 0,
        "posted": counts.posted,
        "already_in_intacct": counts.already_in_intacct or unchanged,
        "refused": counts.refused + sum(record.verdict is Verdict.REFUSED for record in planned),
        "skipped": sum(record.verdict is Verdict.SKIPPED for record in planned),
        "in_doubt": counts.in_doubt,
        "not_sent": counts.not_sent,
    }
    return {"totals": totals, "files": files}


def _file_data(plan: Plan, outcomes: Sequence[RecordOutcome] | None, output: Output) -> dict[str, object]:
    data = plan.to_dict(output.spelled)
    if outcomes is None:
        return data
    del data["records"]
    unchanged = [] if outcomes else list(plan.of(Verdict.UNCHANGED, Verdict.SKIPPED))
    shown = [dict(zip(OUTCOME_COLUMNS, row, strict=True)) for row in outcome_rows(outcomes, as_json=True)]
    shown += [dict(zip(OUTCOME_COLUMNS, _known_row(record), strict=True)) for record in unchanged]
    return {**data, "outcomes": shown}


def _known_row(record: PlannedRecord) -> tuple[str, ...]:
    if record.verdict is Verdict.SKIPPED:
        why = "; ".join(finding.of_column for finding in record.findings)
        return record.write.label, RecordStatus.SKIPPED.outcome_text, "", why
    receipt = f"{record.write.object} {record.receipt.record}" if record.receipt else ""
    since = f"sent {record.since:%Y-%m-%d}" if record.since is not None else ""
    return record.write.label, RecordStatus.UNCHANGED.outcome_text, receipt, since


OUTCOME_COLUMNS = ("record", "outcome", "receipt", "why")


def show_outcomes(outcomes: Sequence[RecordOutcome], output: Output) -> None:
    """The outcome of each record, and the receipts; a load that ended before its first record shows no table.

    Nor is there one with `--quiet` if all went well.
    """
    is_silent = output.quiet and all(outcome.good for outcome in outcomes)
    if output.as_json or (outcomes and not is_silent):
        output.table(OUTCOME_COLUMNS, outcome_rows(outcomes, as_json=output.as_json))


def outcome_rows(outcomes: Sequence[RecordOutcome], *, as_json: bool) -> list[tuple[str, ...]]:
    """A row for each record."""
    return [
        (
            outcome.write.label,
            outcome.status.outcome_text if as_json else outcome.word,
            f"{outcome.write.object} {outcome.receipt.record}" if outcome.receipt and outcome.receipt.record else "",
            outcome.reason,
        )
        for outcome in outcomes
    ]


def log_outcomes(outcomes: Sequence[RecordOutcome], output: Output) -> None:
    """A line of the log for each record that is not in Intacct as it was to be."""
    for outcome in outcomes:
        if not outcome.good:
            text = f"{outcome.write.label}: {outcome.status.outcome_text}: {outcome.reason}"
            output.event(text, level="error", record=outcome.write.label, object=outcome.write.object)


def show_known(records: Sequence[PlannedRecord], output: Output) -> None:
    """The receipts of records that an earlier run posted."""
    rows = [
        (
            record.write.label,
            f"{record.write.object} {record.receipt.record}" if record.receipt else "",
            record.since,
        )
        for record in records
    ]
    if rows or output.as_json:
        output.table(("record", "receipt", "sent"), rows)
