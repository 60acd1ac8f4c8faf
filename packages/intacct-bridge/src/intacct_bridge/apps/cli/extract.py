"""`intacct extract`: copy the company's objects, and keep the copy current."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
    from intacct_bridge.apps.views.extract import ExtractResult
    from intacct_bridge.apps.views.reporting import WantedViews
    from intacct_bridge.client.client import Client
    from intacct_bridge.extract.options import ExtractOptions
    from intacct_bridge.extract.pipeline import ExtractRequest
    from intacct_protocol.model.mapping.language import EntityMap


@dataclass(frozen=True, slots=True)
class _Given:
    """The options of the command."""

    streams: tuple[str, ...]
    to: str
    everything: bool
    full: bool
    select: tuple[str, ...]
    as_text: tuple[str, ...]
    since: datetime | None
    max_transactions: int | None
    attachments: Path | None
    hard_deletes: bool
    entity_column: str | None
    unified: str | None
    map_files: tuple[Path, ...]
    periods: tuple[str, ...]
    estimate: bool
    compact: bool
    no_views: bool
    name_style: str | None


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
    help="Refresh streams without a modification time in full every so many hours, or one stream. Repeatable.",
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
def extract_command(context: CommandContext, **options: Any) -> int:
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
    given = _Given(**options)
    _check(given)
    if context.entity and context.entity.lower() == "all":
        context.entity = ""
    client = _signed_in(context, given)
    from intacct_bridge.apps.views.extract import run_extraction
    from intacct_bridge.copies.destinations.open import compact_copy
    from intacct_bridge.streams.defaults import fields_of_objects
    from intacct_protocol.model.uri_text import redacted

    client.read_as_text(fields_of_objects(given.as_text))
    request, reading = _request(client, given)
    if given.estimate:
        return _estimate(context, client, request, given.to, reading)
    rewriting = compact_copy(given.to) if given.compact else ()  # refuses a database before anything is read
    context.recorder.destination = redacted(given.to)
    done = run_extraction(
        client,
        request,
        given.to,
        context.console,
        options=reading,
        hard_deletes=given.hard_deletes,
        keep=context.recorder.add_streams,
        tick=context.recorder.tick,
        views=_wanted_views(given),
    )
    fetched = _show(context, done, given.attachments, given.to)
    for one in rewriting:
        before, after = counted(one.files_before, "file"), counted(one.files_after, "file")
        context.console.say(f"{one.stream}: {before} rewritten as {after}, {counted(one.rows, 'row')}")
    return 0 if done.sound and fetched else FAILURES


def _signed_in(context: CommandContext, given: _Given) -> "Client":
    """The client; the modules that a run needs are imported while the gateway answers the sign-in."""
    from intacct_bridge.apps.terminal.memory import limit_memory, uncollected

    limit_memory()
    with uncollected():
        client = context.limited_client(given.max_transactions)
        with stoppable(context.console), client.signing_in():
            from intacct_bridge.copies.destinations.open import importing

            with importing(given.to):
                import intacct_bridge.apps.views.extract
                import intacct_bridge.streams.defaults  # noqa: F401
    return client


def _check(given: _Given) -> None:
    """SettingsError for options that do not go together, or that the destination does not have."""
    if given.unified and (given.entity_column or given.everything):
        raise SettingsError(
            f"--unified and {'--entity-column' if given.entity_column else '--all'} do not go together",
            fix="A unified record names its entity itself (subsidiary), and with no STREAM all entities are read.",
        )
    selections = {
        "a STREAM": given.streams,
        "--unified": given.unified,
        "--entity-column": given.entity_column,
        "--all": given.everything,
    }
    other = next((name for name, value in selections.items() if value), "")
    if given.map_files and other:
        raise SettingsError(
            f"--map and {other} do not go together", fix="A mapping names the object that it reads, and the columns."
        )
    if given.estimate and given.compact:
        raise SettingsError("--estimate and --compact do not go together", fix="Rewriting files costs no transaction.")
    if given.hard_deletes:
        _require_database(
            given.to,
            "--hard-deletes removes rows from",
            "Use --compact, which rewrites the files without deleted rows.",
        )
    if given.name_style:
        _require_database(given.to, "--names makes views in", "Use duckdb:///FILE or postgresql://...")


def _request(client: "Client", given: _Given) -> "tuple[ExtractRequest, ExtractOptions]":
    """What is read, and how."""
    from intacct_bridge.extract.options import ExtractOptions
    from intacct_bridge.extract.pipeline import ExtractRequest
    from intacct_bridge.streams.defaults import (
        full_every,
        refuse_joined,
        refuse_unknown_streams,
        selected_fields,
        streams_for,
    )

    refuse_joined(given.streams)
    unified, entity_column = given.unified or "", given.entity_column or ""
    maps = _maps(given.map_files)
    if maps:
        names = [one.name for one in maps]
    elif unified:
        names = list(given.streams)
    else:
        names = streams_for(client, given.streams, everything=given.everything)
    often, full_every_by_stream = full_every(given.periods)
    refuse_unknown_streams("full_every", full_every_by_stream, names, unified)
    fields = selected_fields(given.select)
    if unified:
        refuse_unknown_streams("select", fields, names, unified)
    start = f"{given.since:%m/%d/%Y} 00:00:00" if given.since else ""
    private = not client.connection.location_id
    reading = ExtractOptions(
        full=given.full, start=start, full_every=often, full_every_by_stream=full_every_by_stream, show_private=private
    )
    asked = () if maps else names
    return ExtractRequest(asked, fields, unified, entity_column, early=not given.estimate, maps=maps), reading


def _maps(paths: Sequence[Path]) -> "list[EntityMap]":
    """The mappings in these files."""
    if not paths:
        return []
    from intacct_bridge.export_maps.maps import read_map, with_lists  # with the modules of mappings

    return [with_lists(read_map(one)) for one in paths]


def _show(context: CommandContext, done: "ExtractResult", attachments: Path | None, to: str) -> bool:
    """Show a run's outcomes and save attachments; False if some could not be saved."""
    from intacct_bridge.apps.views.extract import (
        extraction_data,
        log_extraction,
        show_extraction,
        show_failures,
        summary,
    )

    console = context.console
    if to == "-" or console.as_json:  # standard output holds Singer messages, or one document, and nothing else
        show_failures(done.outcomes, console)
    else:
        show_extraction(done.outcomes, console)
    log_extraction(done.outcomes, console)
    fetched = attachments is None or _fetch(context, done.objects, attachments)
    if console.as_json and to != "-":
        from intacct_bridge.apps.views.document import run_document

        console.json(run_document(context.recorder, extraction_data(done.outcomes, console)))
    console.say(summary(done.outcomes, done.seconds, context.client.meter.transactions))
    if done.views:
        from intacct_bridge.apps.views.reporting import show_applied

        for made in done.views:
            show_applied(made, console)
    return fetched


def _wanted_views(given: _Given) -> "WantedViews | None":
    """The views that the run ends with; files have none."""
    from intacct_bridge.copies.destinations.uri import parse_uri

    if not parse_uri(given.to).is_database:
        return None
    from intacct_bridge.apps.views.reporting import WantedViews

    objects_only = not (given.unified or given.map_files)
    return WantedViews(reporting=objects_only and not given.no_views, lower_names=bool(given.name_style))


def _require_database(to: str, does: str, fix: str) -> None:
    """SettingsError for a destination that is not a database; `does` says what an option does to one."""
    from intacct_bridge.copies.destinations.uri import parse_uri
    from intacct_protocol.model.uri_text import redacted

    at = parse_uri(to)
    if not at.is_database:
        theirs = "A consumer of Singer messages has its own setting for this, such as hard_delete."
        raise SettingsError(
            f"{does} a database, and {redacted(to)} is not one",
            fix=theirs if at.scheme == "singer" else fix,
        )


def _estimate(
    context: CommandContext, client: "Client", request: "ExtractRequest", to: str, options: "ExtractOptions"
) -> int:
    """Show what a run would read and cost."""
    from intacct_bridge.apps.views.extract import show_estimate
    from intacct_bridge.copies.destinations.open import copy_states
    from intacct_bridge.extract.pipeline import prepare

    show_estimate(list(prepare(client, request).estimate(copy_states(to), options)), context.console)
    return 0


def _fetch(context: CommandContext, objects: Sequence[str], to: Path) -> bool:
    """Save attached files; False if some could not be saved."""
    from intacct_bridge.extract.attachments import fetch_attachments

    files, failed = 0, 0
    for supdoc, count, problem in fetch_attachments(context.client, objects, to):
        files += count
        failed += bool(problem)
        if problem:
            context.console.complain(f"error  attachment {supdoc}: {problem}")
        else:
            context.console.detail(f"attachment {supdoc}: {counted(count, 'file')}")
    context.console.say(f"{counted(files, 'attached file')} saved in {to}")
    return not failed
