"""`intacct extract`: a copy of the company's objects, brought up to date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.edge.cli.context import CommandContext, shared_options
from intacct_bridge.edge.terminal.process import stoppable
from intacct_bridge.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.flow.extract.options import Options
    from intacct_bridge.flow.streams.stream import StreamOutcome

FAILURES = 1


@click.command("extract")
@click.argument("streams", metavar="[STREAM]...", nargs=-1)
@click.option(
    "--to",
    required=True,
    metavar="URI",
    help="duckdb:///FILE, parquet:DIR, csv:DIR, jsonl:DIR, postgresql://..., or - for Singer messages",
)
@click.option("--all", "everything", is_flag=True, help="Every object of the company, not only the usual ones.")
@click.option("--full", is_flag=True, help="Read everything again, also where the changes would do.")
@click.option(
    "--select",
    metavar="STREAM.FIELD",
    multiple=True,
    help="Only these fields of a stream; comma separated, may be repeated.",
)
@click.option(
    "--since",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="A first read takes only what changed since then.",
)
@click.option(
    "--max-transactions", metavar="N", type=click.IntRange(1), help="Stop before more API transactions than this."
)
@click.option(
    "--attachments",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also save the files attached to the records here, each once.",
)
@click.option("--hard-deletes", is_flag=True, help="In a database, remove deleted rows instead of marking them.")
@click.option(
    "--entity-column",
    metavar="NAME",
    help="Add a column of this name: the entity that owns the record, empty for what all share.",
)
@click.option(
    "--unified",
    type=click.Choice(["v1", "v2"]),
    help="In the words of hotglue's accounting schema; then a STREAM is one of its entities, such as Bills.",
)
@click.option(
    "--full-every",
    "periods",
    metavar="[STREAM=]HOURS",
    multiple=True,
    help="How often to read whole what cannot tell its changes; or a stream all the same. May be repeated.",
)
@click.option("--estimate", is_flag=True, help="Only say what the run would read and cost; one transaction a stream.")
@click.option("--compact", is_flag=True, help="Afterwards rewrite change files (Parquet, CSV, JSON lines) as few.")
@shared_options(prints_table=True)
def extract_command(
    desk: CommandContext,
    *,
    streams: tuple[str, ...],
    to: str,
    everything: bool,
    full: bool,
    select: tuple[str, ...],
    since: object,
    max_transactions: int | None,
    attachments: Path | None,
    hard_deletes: bool,
    entity_column: str | None,
    unified: str | None,
    periods: tuple[str, ...],
    estimate: bool,
    compact: bool,
) -> int:
    """Copy objects to a destination, and keep the copy current: the first run reads all, later ones what changed.

    A run that was stopped goes on where it stood. Deleted records are marked, lines follow their headers. A STREAM is
    an object, SODOCUMENT:DEFINITION, audit_history_OBJECT, trial_balance, account_balances, report:NAME, dimensions,
    or dimension_values.

    \b
    Examples:
      intacct extract --to duckdb:///intacct.duckdb
      intacct extract GLDETAIL APBILL APBILLITEM --to parquet:ledger
      intacct extract VENDOR --select VENDOR.VENDORID,VENDOR.NAME --to csv:vendors
      intacct extract "trial_balance?from=2026-01-01&by=location" --to duckdb:///books.duckdb
    """
    if unified and (entity_column or everything):
        raise SettingsError(
            f"--unified and {'--entity-column' if entity_column else '--all'} do not go together",
            fix="A unified record names its entity itself (subsidiary), and with no STREAM all entities are read.",
        )
    if estimate and compact:
        raise SettingsError("--estimate and --compact do not go together", fix="Rewriting files costs no transaction.")
    if hard_deletes:
        _refuse_without_rows(to)
    if desk.entity and desk.entity.lower() == "all":
        desk.entity = ""
    client = desk.limited_client(max_transactions)
    with stoppable(desk.console), client.signing_in():
        from intacct_bridge.edge.terminal.memory import limit_malloc_arenas
        from intacct_bridge.flow.destinations.open import compact_copy, getting_ready

        limit_malloc_arenas()
        with getting_ready(to):
            from datetime import datetime

            from intacct_bridge.edge.views.extract import sentence, show_extraction
            from intacct_bridge.edge.views.extraction import run_extraction
            from intacct_bridge.flow.extract.options import Options
            from intacct_bridge.flow.streams.defaults import (
                full_every,
                refuse_joined,
                refuse_strange,
                selected_fields,
                streams_for,
            )

    refuse_joined(streams)
    names = list(streams) if unified else streams_for(client, streams, everything=everything)
    start = f"{since:%m/%d/%Y} 00:00:00" if isinstance(since, datetime) else ""
    often, whole_every = full_every(periods)
    refuse_strange("--full-every", whole_every, names, unified or "")
    if unified:
        refuse_strange("--select", selected_fields(select), names, unified)
    private = not desk.connection.location_id
    options = Options(full=full, start=start, full_every=often, whole_every=whole_every, show_private=private)
    if estimate:
        asked = _Asked(names, selected_fields(select), unified or "", entity_column or "")
        return _estimate(client, asked, to, options, desk)
    rewriting = compact_copy(to) if compact else ()  # refuses a database before anything is read
    done = run_extraction(
        client,
        names,
        to,
        desk.console,
        options=options,
        select=selected_fields(select),
        hard_deletes=hard_deletes,
        unified=unified or "",
        entity_column=entity_column or "",
    )
    if to != "-":  # then standard output holds Singer messages, and nothing else
        show_extraction(done.outcomes, desk.console)
    fetched = attachments is None or _fetch(desk, done.objects, attachments)
    desk.console.say(sentence(done.outcomes, done.seconds, client.meter.transactions))
    for one in rewriting:
        desk.console.say(f"{one.stream}: {one.files_before:,} files are {one.files_after:,} now, {one.rows:,} rows")
    return 0 if done.sound and fetched else FAILURES


def _refuse_without_rows(to: str) -> None:
    """Raise for a destination in which no row can be removed."""
    from intacct_bridge.flow.destinations.base import place, shown

    scheme = place(to).scheme
    if scheme not in ("duckdb", "postgresql"):
        fix = "Rewrite its files without deleted rows by --compact."
        theirs = "A consumer of Singer messages has its own setting for it, such as hard_delete."
        raise SettingsError(
            f"--hard-deletes removes rows from a database, and {shown(to)} is none",
            fix=theirs if scheme == "singer" else fix,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a run is to read."""

    names: list[str]
    select: Mapping[str, Sequence[str]]
    unified: str
    entity_column: str


def _estimate(client: "Client", asked: _Asked, to: str, options: "Options", desk: CommandContext) -> int:
    """What a run would read and cost."""
    from intacct_bridge.edge.views.extract import show_estimate
    from intacct_bridge.flow.destinations.open import standing_of
    from intacct_bridge.flow.extract.estimate import Estimate, estimated
    from intacct_bridge.flow.extract.source import ClientSource, choose
    from intacct_bridge.flow.extract.transform import Shaped, looks_for_owners, with_entities
    from intacct_bridge.flow.extract.unified import UnifiedSource, asks_for_lines, choose_unified

    refused: list[StreamOutcome] = []
    names, select = asked.names, asked.select
    entities = choose_unified(client, asked.unified, names, select, refused=refused) if asked.unified else []
    chosen = choose(client, () if asked.unified else names, None if asked.unified else select, without_refused=True)
    shaped = [Shaped(one.read, one.shown) for one in entities] or [Shaped(one, one) for one in chosen.streams]
    beside = {one.read.name: asks_for_lines(client, one) for one in entities if one.lines}
    if asked.entity_column:
        shaped = with_entities(client, chosen.streams, asked.entity_column)
        beside = looks_for_owners(shaped)
    source = UnifiedSource(client, entities) if asked.unified else ClientSource(client)
    held = standing_of(to)
    widened = {one.read.name for one in shaped if one.read.name in held and held[one.read.name].widened_by(one.shown)}
    bookmarks = {name: one.bookmark for name, one in held.items()}
    found = list(estimated(source, [one.read for one in shaped], bookmarks, options, beside, lacking_columns=widened))
    closed = [Estimate(one.stream, 0, 0, full=True, error=one.error) for one in (*chosen.refused, *refused)]
    show_estimate([*found, *closed], desk.console)
    return 0


def _fetch(desk: CommandContext, objects: Sequence[str], to: Path) -> bool:
    """Save attached files; False where some could not be fetched."""
    from intacct_bridge.flow.extract.attachments import fetch_attachments

    files, failed = 0, 0
    for supdoc, count, problem in fetch_attachments(desk.client, objects, to):
        files += count
        failed += bool(problem)
        if problem:
            desk.console.complain(f"error  attachment {supdoc}: {problem}")
        else:
            desk.console.detail(f"attachment {supdoc}: {count} files")
    desk.console.say(f"{files:,} attached files saved in {to}")
    return not failed
