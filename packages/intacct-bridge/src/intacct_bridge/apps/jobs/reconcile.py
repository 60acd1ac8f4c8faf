"""The job `reconcile`: whether a copy matches the company, and whether its sub-ledgers tie to its ledger."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.apps.terminal.command_context import CommandContext
from intacct_bridge.apps.terminal.exit_statuses import FAILURES
from intacct_bridge.operations.job_settings import ReconcileSettings
from intacct_protocol.model.uri_text import redacted
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.reconcile import Estimate


def reconcile_copy(context: CommandContext, settings: ReconcileSettings) -> int:
    """Compare a copy with the company, and show the differences."""
    from intacct_bridge.apps.views.reconcile import notes, show_estimate, show_reconciliation
    from intacct_bridge.apps.views.reconcile_report import refuse_unwritable, report_html, write_report
    from intacct_bridge.apps.views.tie_out import show_tie_out
    from intacct_bridge.operations.reconcile import ReconcileRequest, estimate_reconciliation, reconcile

    output = context.output
    context.recorder.destination = redacted(settings.uri)
    if settings.verify:
        return _verify(context, settings.uri, settings.verify)
    report = settings.report
    if report:
        refuse_unwritable(report)
    request = ReconcileRequest(
        settings.uri, settings.period, settings.all_fields, settings.ignore, digests=report is not None
    )
    client = context.limited_client(settings.max_transactions)
    if settings.estimate:
        show_estimate(estimate_reconciliation(client, request), output)
        return 0
    output.say(f"Comparing the copy with {context.connection.target} ...")

    def priced(estimates: "Sequence[Estimate]") -> None:
        total = sum(one.transactions for one in estimates)
        output.say(f"Reading every record: about {counted(total, 'API transaction')}")

    result = reconcile(client, request, run=context.recorder, priced=priced)
    if report:
        write_report(report, report_html(result, redacted(settings.uri)))
    good = result.equal and (result.ties or not settings.strict_tie_out)
    if output.as_json:
        output.json(result.to_dict())
    elif not (output.quiet and good):
        show_reconciliation(result, output)
        if result.tie_out is not None:
            show_tie_out(result.tie_out, output)
        for line in notes(result):
            output.say(line)
    output.say(counted(client.meter.transactions, "API transaction"))
    return 0 if good else FAILURES


def _verify(context: CommandContext, uri: str, report: Path) -> int:
    """Compare the copy with the digests of a report."""
    from intacct_bridge.apps.views.reconcile_report import read_report, reported_digests, show_changed_tables
    from intacct_bridge.operations.reconcile import changed_since_report

    data = read_report(report)
    changed = changed_since_report(uri, reported_digests(data))
    show_changed_tables(data, changed, context.output)
    return FAILURES if changed else 0
