"""`intacct extract`: copy the company's objects, and keep the copy current."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import READ, command
from intacct_bridge.apps.cli.context import CommandContext, number_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, FAILURES
from intacct_bridge.apps.terminal.process import stoppable
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.copies import Compacted
    from intacct_bridge.operations.extract import ExtractResult


@command(
    "extract",
    section=READ,
    place=6,
    short_help="Copy objects to DuckDB, Parquet, Postgres, ... incrementally.",
    exits=CONNECTED | {1: "a stream failed, or something could not be read"},
)
@click.argument("streams", metavar="[STREAM]...", nargs=-1)
@click.option(
    "--to",
    required=True,
    metavar="URI",
    help="The destination: duckdb:///FILE, parquet:DIR, csv:DIR, jsonl:DIR, postgresql://..., or - (Singer).",
)
@click.option("--all", "everything", is_flag=True, help="Read every object of the company (default: the usual ones).")
@click.option("--full", is_flag=True, help="Make a full refresh of every stream.")
@click.option(
    "--select",
    metavar="STREAM.FIELD",
    multiple=True,
    help="Read only these fields of a stream; separate them with commas. Repeatable.",
)
@click.option(
    "--as-text",
    metavar="STREAM.FIELD",
    multiple=True,
    help="Read these fields as text, if their values do not fit the type that Intacct gives. Repeatable.",
)
@click.option(
    "--since",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="On the first run, read only what changed since this date.",
)
@number_option("--max-transactions", "Stop before using more API transactions than this.", least=1, show_default=False)
@click.option(
    "--attachments",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also save the files attached to the records in this directory, each file once.",
)
@click.option("--hard-deletes", is_flag=True, help="Remove deleted rows from a database (default: mark them).")
@click.option(
    "--entity-column",
    metavar="NAME",
    help="Add a column of this name for the entity that owns the record (empty: shared by all entities).",
)
@click.option(
    "--unified",
    type=click.Choice(["v1", "v2"]),
    help="Store records in hotglue's accounting schema; a STREAM is then one of its entities, such as Bills.",
)
@click.option(
    "--map",
    "map_files",
    metavar="MAP.toml",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Store the records of the mapping's object in its columns. Repeatable.",
)
@click.option(
    "--full-every",
    "periods",
    metavar="[STREAM=]HOURS",
    multiple=True,
    help="Refresh streams without a modification time in full once in this many hours, or one stream. Repeatable.",
)
@click.option(
    "--estimate", is_flag=True, help="Only show what the run would read and cost; uses one transaction a stream."
)
@click.option(
    "--compact",
    is_flag=True,
    help="Afterwards rewrite the change files (Parquet, CSV, JSON lines) as a few large ones.",
)
@click.option("--no-views", is_flag=True, help="Make no views for reports in a database (default: make them).")
@click.option(
    "--names",
    "name_style",
    type=click.Choice(["lower"]),
    help="Also make a view of each table in the schema raw, with lower-case names without dots.",
)
@shared_options(prints_table=True)
def extract_command(
    context: CommandContext,
    *,
    map_files: tuple[Path, ...],
    periods: tuple[str, ...],
    max_transactions: int | None,
    attachments: Path | None,
    estimate: bool,
    compact: bool,
    no_views: bool,
    name_style: str | None,
    entity_column: str | None,
    unified: str | None,
    **options: Any,
) -> int:
    """Copy objects to a destination and keep the copy current.

    The first run reads everything, later runs only the changes. A run that was stopped is resumed by the next one.
    Deleted records are marked, and lines are read again when their header changes. A STREAM is an object,
    SODOCUMENT:DEFINITION, audit_history_OBJECT, trial_balance, account_balances, report:NAME, dimensions, or
    dimension_values.

    \b
    Examples:
      intacct extract --to duckdb:///intacct.duckdb
      intacct extract GLDETAIL APBILL APBILLITEM --to parquet:ledger
      intacct extract VENDOR --select VENDOR.VENDORID,VENDOR.NAME --to csv:vendors
      intacct extract --map bills.toml --to csv:bills
      intacct extract "trial_balance?from=2026-01-01&by=location" --to duckdb:///books.duckdb
    """
    from intacct_bridge.operations.extract_request import ExtractRequest

    request = ExtractRequest(
        maps=map_files,
        full_every=periods,
        views=not no_views,
        lower_names=name_style is not None,
        entity_column=entity_column or "",
        unified=unified or "",
        **options,
    )
    if estimate and compact:
        raise SettingsError("--estimate and --compact do not go together", fix="Rewriting files costs no transaction.")
    request.check()
    if context.entity and context.entity.lower() == "all":
        context.entity = ""
    _sign_in(context, request.to, max_transactions)
    from intacct_bridge.apps.views.extract import run_extraction, show_estimate
    from intacct_bridge.operations import extract as extraction

    if estimate:
        show_estimate(extraction.estimate(context.client, request), context.output)
        return 0
    rewriting: Iterable[Compacted] = ()
    if compact:
        from intacct_bridge.operations.copies import compact_copy

        rewriting = compact_copy(request.to)  # refuses a database before anything is read
    result = run_extraction(context, request, context.output)
    saved = _show_result(context, result, attachments)
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
        with stoppable(context.output), client.signing_in():
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
