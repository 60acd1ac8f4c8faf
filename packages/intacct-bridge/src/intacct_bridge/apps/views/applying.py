"""Plans applied: what is shown of them, and the exit status that the receipts make."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.apps.terminal.exit_statuses import FAILURES, IN_DOUBT
from intacct_bridge.apps.terminal.output import Output
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.plans import ApplyOptions, Plan, Receipts, RecordOutcome
    from intacct_bridge.operations.recorded_run import RecordedRun

    ShownPlan = tuple[Plan, Sequence[RecordOutcome] | None]
    """A plan with the outcomes of its records, or with None if it is only shown."""


@contextmanager
def json_document(run: "RecordedRun", output: Output) -> "Iterator[list[ShownPlan]]":
    """Under --json, print one document about all plans at the end, also after an error; the body adds the plans."""
    results: list[ShownPlan] = []
    try:
        yield results
    finally:
        if output.as_json and results:
            from intacct_bridge.apps.views.document import run_document
            from intacct_bridge.apps.views.load import load_data

            output.json(run_document(run.recorder, load_data(results, output)))


def apply_and_show(
    run: "RecordedRun",
    output: Output,
    plan: "Plan | str | Path",
    options: "ApplyOptions",
    outcomes: "list[RecordOutcome]",
    *,
    yes: bool,
    results: "list[ShownPlan]",
) -> int:
    """Apply a plan, or a saved one by its file or its id, show it with its receipts, and return the exit status.

    With `--quiet`, a plan without refusals and warnings that needs no answer, and whose records all went well, is not
    shown: a scheduler mails what a program prints.

    `outcomes` and `results` get the outcomes as they become known, so that they are told after an error too.
    """
    from intacct_bridge.apps.terminal.progress import Progress, progress
    from intacct_bridge.apps.views.load import log_outcomes, show_outcomes, show_plan
    from intacct_bridge.operations.plans import Verdict, apply_plan, tally

    bars: list[Progress] = []

    def show(plan: "Plan") -> None:
        results.append((plan, outcomes))
        is_clean = not any(record.findings for record in plan.records if record.verdict is not Verdict.UNCHANGED)
        if not (output.as_json or (output.quiet and is_clean and not run.asks_before_write(yes=yes))):
            show_plan(plan, output, records=False)

    def confirm(plan: "Plan") -> bool:
        show(plan)
        allowed = run.allow_write(f"{counted(len(plan.to_send), 'record')} of {plan.source}", yes=yes)
        bars.append(view.enter_context(progress(output, spent=lambda: run.client.meter.transactions)))
        bars[0].update(plan.source, 0, len(plan.records))
        return allowed

    def advance(outcome: "RecordOutcome") -> None:
        outcomes.append(outcome)
        source, total = results[-1][0].source, len(results[-1][0].records)
        bars[0].update(source, len(outcomes), total)

    with ExitStack() as view:
        try:
            receipts = apply_plan(run, plan, options, confirm=confirm, progress=advance)
        except KeyboardInterrupt:
            if bars and not output.as_json:
                show_outcomes(outcomes, output)
                output.say(tally(outcomes, results[-1][0]))
            raise
        if bars:
            bars[0].finish(receipts.plan.source, len(outcomes))
    refused = FAILURES if receipts.plan.refused else 0
    if not bars:
        show(receipts.plan)
        _say_nothing_to_send(output, receipts.plan)
        return refused
    log_outcomes(outcomes, output)
    if not output.as_json:
        show_outcomes(outcomes, output)
    return max(refused, sum_up(output, receipts))


def _say_nothing_to_send(output: Output, plan: "Plan") -> None:
    from intacct_bridge.apps.views.load import show_known
    from intacct_bridge.operations.plans import Verdict

    unchanged = plan.of(Verdict.UNCHANGED)
    already = "already in Intacct" if all(record.is_new for record in unchanged) else "already as planned"
    parts = [f"{counted(len(unchanged), 'record')} {already}"] if unchanged else []
    parts += [f"{counted(plan.refused, 'record')} refused"] if plan.refused else []
    parts += [f"{counted(plan.skipped, 'record')} skipped"] if plan.skipped else []
    output.say(f"Nothing to send: {', '.join(parts) or 'no records'}.")
    if not (output.as_json or output.quiet):
        show_known(unchanged, output)


def sum_up(output: Output, receipts: "Receipts") -> int:
    """Say how many records have which outcome, and return the exit status, or raise the error that ended the load.

    An error that is less than in doubt is not raised if a record is in doubt: that status outranks it.
    """
    from intacct_bridge.operations.plans import tally

    spent = counted(receipts.transactions, "API transaction")
    output.say(f"{tally(receipts.outcomes, receipts.plan)}; {spent}")
    if receipts.is_in_doubt:
        output.say("Some records are in doubt: run the same command again later, or see `intacct outbox list`.")
    receipts.check()
    if receipts.is_in_doubt:
        return IN_DOUBT
    return 0 if all(outcome.good for outcome in receipts) else FAILURES
