"""The job `extract`: copy the company's objects, and keep the copy current."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.apps.terminal.command_context import CommandContext
from intacct_bridge.apps.terminal.exit_statuses import FAILURES
from intacct_bridge.apps.terminal.process import stoppable
from intacct_bridge.operations.job_settings import ExtractSettings
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.copies import Compacted
    from intacct_bridge.operations.extract import ExtractResult


def extract(context: CommandContext, settings: ExtractSettings) -> int:
    """Copy objects to a destination, and show what was read."""
    from intacct_bridge.operations.extract_request import ExtractRequest

    request = ExtractRequest(
        to=settings.to,
        streams=settings.streams,
        everything=settings.everything,
        full=settings.full,
        select=settings.select,
        as_text=settings.as_text,
        since=settings.since,
        hard_deletes=settings.hard_deletes,
        maps=settings.map_files,
        full_every=settings.periods,
        views=not settings.no_views,
        lower_names=settings.name_style is not None,
        entity_column=settings.entity_column or "",
        unified=settings.unified or "",
    )
    if settings.estimate and settings.compact:
        raise SettingsError("--estimate and --compact do not go together", fix="Rewriting files costs no transaction.")
    request.check()
    _sign_in(context, request.to, settings.max_transactions)
    from intacct_bridge.apps.views.extract import run_extraction, show_estimate
    from intacct_bridge.operations import extract as extraction

    if settings.estimate:
        show_estimate(extraction.estimate(context.client, request), context.output)
        return 0
    rewriting: Iterable[Compacted] = ()
    if settings.compact:
        from intacct_bridge.operations.copies import compact_copy

        rewriting = compact_copy(request.to)  # refuses a database before anything is read
    result = run_extraction(context, request, context.output)
    saved = _show_result(context, result, settings.attachments)
    for table in rewriting:
        before, after = counted(table.files_before, "file"), counted(table.files_after, "file")
        context.output.say(f"{table.stream}: {before} rewritten as {after}, {counted(table.rows, 'row')}")
    return 0 if result.complete and saved else FAILURES


def _sign_in(context: CommandContext, to: str, max_transactions: int | None) -> None:
    """Sign in; the modules that a run needs are imported while the gateway answers."""
    from intacct_bridge.apps.terminal.memory import limit_memory, uncollected

    limit_memory()
    with uncollected():
        client = context.limited_client(max_transactions)
        with stoppable(context.output, record=context.recorder.finish), client.signing_in():
            from intacct_bridge.operations.extract import importing

            with importing(to):
                import intacct_bridge.apps.views.extract  # noqa: F401


def _show_result(context: CommandContext, result: "ExtractResult", attachments: Path | None) -> bool:
    """Show a run's outcomes and save attachments; False if some could not be saved."""
    from intacct_bridge.apps.views.extract import (
        extraction_data,
        log_extraction,
        show_extraction,
        show_failures,
        summary,
    )

    output, outcomes = context.output, result.outcomes
    if result.to == "-" or output.as_json:  # standard output holds Singer messages, or one document, and nothing else
        show_failures(outcomes, output)
    else:
        show_extraction(outcomes, output)
    log_extraction(outcomes, output)
    saved = attachments is None or _save_attachments(context, result.objects, attachments)
    if output.as_json and result.to != "-":
        from intacct_bridge.apps.views.document import run_document

        output.json(run_document(context.recorder, extraction_data(result, output)))
    output.say(summary(result, context.client.meter.transactions))
    if result.views:
        from intacct_bridge.apps.views.reporting import show_applied

        for views in result.views:
            show_applied(views, output)
    return saved


def _save_attachments(context: CommandContext, objects: Sequence[str], folder: Path) -> bool:
    """Save attached files; False if some could not be saved."""
    from intacct_bridge.operations.extract import save_attachments

    output = context.output
    saved = save_attachments(
        context.client,
        objects,
        folder,
        saved=lambda name, count: output.detail(f"attachment {name}: {counted(count, 'file')}"),
        failed=lambda name, reason: output.complain(f"error  attachment {name}: {reason}"),
    )
    output.say(f"{counted(saved.files, 'attached file')} saved in {folder}")
    return not saved.failures
