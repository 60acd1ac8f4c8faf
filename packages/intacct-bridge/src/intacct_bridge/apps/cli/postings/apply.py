"""Plans applied: what is shown of them, what is sent, and the exit status that the outcomes make."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.cli.context import CommandContext
from intacct_bridge.apps.cli.postings.load_options import load_settings
from intacct_bridge.apps.terminal.exit_statuses import FAILURES, IN_DOUBT
from intacct_protocol.errors import InDoubtError, IntacctError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.load.apply.loader import LoadSettings
    from intacct_bridge.load.apply.outcome import RecordOutcome
    from intacct_bridge.load.outbox.outbox import Outbox
    from intacct_bridge.load.plan.plan import Plan

    PlanResult = tuple[Plan, Sequence[RecordOutcome] | None]
    """A plan with the outcomes of its records, or with None if it is only shown."""


def run_plan(
    context: CommandContext,
    plan: "Plan",
    outbox: "Outbox",
    options: dict[str, Any],
    *,
    only_plan: bool,
    yes: bool,
    results: "list[PlanResult] | None",
) -> int:
    """Show or apply one plan; if no caller collects the documents, print one about it."""
    outcomes: list[RecordOutcome] = []
    with json_document(context) as own:
        (own if results is None else results).append((plan, None if only_plan else outcomes))
        return show_or_apply(context, plan, outbox, options, only_plan=only_plan, yes=yes, outcomes=outcomes)


@contextmanager
def json_document(context: CommandContext) -> "Iterator[list[PlanResult]]":
    """Under --json, print one document about all plans at the end, also after an error; the body adds the plans."""
    results: list[PlanResult] = []
    try:
        yield results
    finally:
        if context.console.as_json and results:
            from intacct_bridge.apps.views.document import run_document
            from intacct_bridge.apps.views.load import load_data

            context.console.json(run_document(context.recorder, load_data(results, context.console)))


def show_or_apply(
    context: CommandContext,
    plan: "Plan",
    outbox: "Outbox",
    options: dict[str, Any],
    *,
    only_plan: bool,
    yes: bool,
    outcomes: list["RecordOutcome"],
) -> int:
    """Show a plan, apply it unless `only_plan`, and return the exit status. `outcomes` gets those of the records."""
    from intacct_bridge.apps.views.load import show_plan
    from intacct_bridge.load.approval.admission import seen_again
    from intacct_bridge.load.plan.plan import WRITTEN, Verdict
    from intacct_bridge.runs.run import RecordCounts

    recorder = context.recorder
    recorder.destination = context.connection.target
    recorder.records += RecordCounts(refused=len(plan.of(Verdict.REFUSED)))
    if not context.console.as_json:
        show_plan(plan, context.console, records=only_plan)
    refused = FAILURES if plan.of(Verdict.REFUSED) else 0
    if only_plan:
        return refused
    count = len(plan.of(*WRITTEN, Verdict.IN_DOUBT))  # records in doubt may have to be sent again
    if not count:
        _say_nothing_to_send(context, plan)
        return refused
    if context.allow_write(f"{counted(count, 'record')} of {plan.source}", yes=yes):
        plan = seen_again(plan, context.client, outbox)
    return max(refused, _apply(context, plan, outbox, load_settings(context.client, options), outcomes=outcomes))


def _say_nothing_to_send(context: CommandContext, plan: "Plan") -> None:
    from intacct_bridge.apps.views.load import show_known
    from intacct_bridge.load.plan.plan import Verdict
    from intacct_bridge.load.records.write import WriteOperation
    from intacct_bridge.runs.run import RecordCounts

    known, refused = plan.of(Verdict.UNCHANGED), plan.of(Verdict.REFUSED)
    context.recorder.records += RecordCounts(known=len(known))
    created = all(record.write.operation is WriteOperation.CREATE for record in known)
    already = "already in Intacct" if created else "already as planned"
    parts = [f"{counted(len(known), 'record')} {already}"] if known else []
    parts += [f"{counted(len(refused), 'record')} refused"] if refused else []
    context.console.say(f"Nothing to send: {', '.join(parts) or 'no records'}.")
    if not context.console.as_json:
        show_known(known, context.console)


def _apply(
    context: CommandContext,
    plan: "Plan",
    outbox: "Outbox",
    settings: "LoadSettings",
    *,
    outcomes: list["RecordOutcome"],
) -> int:
    from intacct_bridge.apps.terminal.progress import progress
    from intacct_bridge.apps.views.load import log_outcomes, show_outcomes, unreached
    from intacct_bridge.load.apply.loader import Loader

    stopped: IntacctError | None = None
    meter = context.client.meter
    with progress(context.console, spent=lambda: meter.transactions) as view:
        view.update(plan.source, 0, len(plan.records))
        try:
            for outcome in Loader(context.client, outbox, settings).apply(plan):
                outcomes.append(outcome)
                view.update(plan.source, len(outcomes), len(plan.records))
        except IntacctError as error:
            stopped = error
        finally:
            context.recorder.add_records([one.status for one in outcomes], unsent=unreached(outcomes, plan))
        view.finish(plan.source, len(outcomes))
    log_outcomes(outcomes, context.console)
    if not context.console.as_json:
        show_outcomes(outcomes, context.console)
    return sum_up(context, plan, outcomes, stopped)


def sum_up(
    context: CommandContext, plan: "Plan", outcomes: Sequence["RecordOutcome"], stopped: IntacctError | None
) -> int:
    """Say how many records have which outcome, and return the exit status, or raise the error that ended the load.

    An error that is less than in doubt is not raised if a record is in doubt: that status outranks it.
    """
    from intacct_bridge.apps.views.load import tally
    from intacct_bridge.load.records.status import RecordStatus

    spent = counted(context.client.meter.transactions, "API transaction")
    context.console.say(f"{tally(outcomes, plan)}; {spent}")
    in_doubt = any(outcome.status is RecordStatus.IN_DOUBT for outcome in outcomes)
    if in_doubt:
        context.console.say(
            "Some records are in doubt: run the same command again later, or see `intacct outbox list`."
        )
    if stopped is not None and (isinstance(stopped, InDoubtError) or not in_doubt):
        raise stopped
    if in_doubt:
        return IN_DOUBT
    return 0 if all(outcome.good for outcome in outcomes) else FAILURES
