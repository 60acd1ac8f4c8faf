"""`intacct outbox`: posted records with their receipts, failed records, and records in doubt."""

from pathlib import Path
from typing import Any

import click

from intacct_bridge.apps.cli.command import WRITE, command_group
from intacct_bridge.apps.cli.context import (
    CommandContext,
    day_option,
    file_option,
    number_option,
    shared_options,
)
from intacct_bridge.apps.cli.postings.outbox_decisions import (
    forget_command,
    resolve_command,
    retry_command,
    settle_command,
)
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_protocol.model.wording import counted

_COLUMNS = (
    "number", "state", "record", "operation", "amount", "currency", "posting_date", "receipt", "sent", "by", "source",
    "run",
)  # fmt: skip
_MORE = ("outcome", "link", "sent_local", "undoes", "known_by")
"""Columns for programs only; people see the link if one is known."""
_OPERATIONS = ("create", "update", "delete", "reverse", "void", "approve", "decline", "recall")
_STATES = ("planned", "not_sent", "sent", "applied", "rejected", "aborted", "in_doubt", "released")


@command_group(
    "outbox",
    section=WRITE,
    place=4,
    short_help="List what was posted, with receipts; retry or settle the rest.",
    no_args_is_help=True,
)
def outbox_command() -> None:
    """Show what was posted, settle what is in doubt, and retry what was refused.

    The outbox is the durable record of all writes to a company, from this machine or from all that share a database.

    \b
    Examples:
      intacct outbox list --state in_doubt
      intacct outbox list --since 2026-11-01 --object APBILL --export november.csv
      intacct outbox show 17
      intacct outbox settle
      intacct outbox resolve 17 --posted-as 7295 --because "seen in Intacct"
    """


@outbox_command.command("list", exits=CONNECTED)
@click.option("--state", type=click.Choice(_STATES), multiple=True, help="List only entries in this state. Repeatable.")
@click.option("--object", "object_name", metavar="OBJECT", help="List only entries of this object.")
@click.option("--operation", type=click.Choice(_OPERATIONS), help="List only writes of this kind.")
@click.option("--by", "user", metavar="USER", default="", help="List only entries that this user sent.")
@click.option(
    "--source", metavar="TEXT", default="", help="List only entries from inputs with this text in their name."
)
@click.option(
    "--find",
    "text",
    metavar="TEXT",
    default="",
    help="List only entries with this text in the record, the receipt or a tracked value.",
)
@day_option("--since", "List only entries sent on this date (UTC) or later.")
@day_option("--until", "List only entries sent on this date (UTC) or earlier.")
@number_option("--limit", "List at most this many entries, the latest; an export has all.", least=1, default=100)
@file_option("--export", "Write the entries to this file (.csv or .jsonl) with all their values.")
@click.option("--links", is_flag=True, help="Ask Intacct for the links of records whose link is not known yet.")
@shared_options(prints_table=True)
def list_command(
    context: CommandContext, *, state: tuple[str, ...], object_name: str | None, limit: int, links: bool, **options: Any
) -> None:
    """List writes, the latest last: the record, its state, receipt, time, user and source row."""
    from intacct_bridge.apps.views.outbox_entries import listed_row
    from intacct_bridge.apps.views.plan_summary import totals_text
    from intacct_bridge.operations.outbox import EntryQuery, RecordStatus, export_entries, facts, find_entries

    file: Path | None = options.pop("export")
    since, until = (day.date() if (day := options.pop(name)) else None for name in ("since", "until"))
    query = EntryQuery(
        statuses=tuple(RecordStatus(one) for one in state),
        object=object_name or "",
        operation=options.pop("operation") or "",
        since=since,
        until=until,
        **options,
    )
    if file is not None:
        count = export_entries(context, file, query, links=links)
        context.output.say(f"{counted(count, 'entry')} in {file}")
        return
    matches = find_entries(context, query, links=limit if links else 0)
    entries = matches.entries
    shown = entries[-limit:]
    tracked = tuple(dict.fromkeys(name for entry in shown for name in entry.tracked))
    more = _MORE if context.output.as_json else ("link",) if any(entry.url for entry in shown) else ()
    as_json = context.output.as_json
    rows = [
        (
            *listed_row(entry, as_json=as_json),
            *map(facts(entry).get, more),
            *(entry.tracked.get(name, "") for name in tracked),
        )
        for entry in shown
    ]
    columns = (*_COLUMNS, *more, *tracked)
    context.output.table(columns, rows, empty="No writes match.")
    for total in matches.sums:
        context.output.say(f"In Intacct: {totals_text(total)}")
    if len(entries) > limit:
        context.output.say(f"The latest {limit:,} of {counted(len(entries), 'entry')}; --limit shows more.")


@outbox_command.command("show", exits=CONNECTED)
@click.argument("number", type=int)
@click.option("--links", is_flag=True, help="Ask Intacct for the record's link if it is not known yet.")
@shared_options(prints_table=True)
def show_command(context: CommandContext, *, number: int, links: bool) -> None:
    """Show one entry, with every state that it had."""
    from intacct_bridge.apps.views.outbox_entries import entry_facts
    from intacct_bridge.operations.outbox import show_entry

    detail = show_entry(context, number, links=links)
    history = [event.to_dict() for event in detail.history]
    decisions = [decision.to_dict() for decision in detail.decisions]
    facts = entry_facts(detail, grouped=not context.output.as_json)
    if context.output.as_json:
        context.output.json(
            {
                **facts,
                "identities": detail.identities,
                "history": history,
                "decisions": decisions,
                "body": detail.entry.body,
            }
        )
        return
    context.output.pairs({name: value for name, value in facts.items() if value not in ("", None, [])})
    context.output.result("")
    if history:
        shown = ("at", "status", "attempt", "user", "note")
        context.output.table(shown, [[event[name] for name in shown] for event in history])
    if decisions:
        context.output.result("")
        context.output.table(list(decisions[0]), [list(decision.values()) for decision in decisions])


@outbox_command.command("move", exits={2: "wrong settings, or the outbox is in use", 4: "a database cannot be reached"})
@click.option("--to", "target", metavar="PLACE", required=True, help="The new place: a file, or postgresql://...")
@click.option("--from", "source", metavar="PLACE", default="", help="The old place (default: the connection's outbox).")
@shared_options(prints_table=True)
def move_command(context: CommandContext, *, target: str, source: str) -> None:
    """Move the outbox to another file or to PostgreSQL, with its approvals and the event log.

    The old outbox keeps its content, and every command refuses it from then on. No load or watch may run meanwhile. A
    move that was interrupted is finished by the same command. PLACE may be env:VARIABLE, file:PATH or
    keyring:SERVICE/USER, which keeps a password off the command line.

    \b
    Examples:
      intacct outbox move --to env:INTACCT_OUTBOX
      intacct outbox move --to ~/acme.sqlite3
    """
    from intacct_bridge.operations.outbox import move_outbox

    connection = context.connection
    new = _named_place(context, target, "--to")
    old = _named_place(context, source, "--from") if source else connection.outbox
    moved = move_outbox(connection, new, source=old)
    if context.output.as_json:
        context.output.json({"entries": moved.entries, "event_log": moved.events, "outbox": moved.name})
        return
    log = ", and the event log" if moved.events else ""
    context.output.result(f"{counted(moved.entries, 'entry')}{log}: moved to {moved.name}")
    if new != connection.outbox:
        context.output.say(f"Now set `outbox` of connection {connection.name} to that place, on every machine.")


def _named_place(context: CommandContext, place: str, option: str) -> str:
    """A place, or the one that a reference to a secret stands for."""
    from intacct_bridge.connections.secret_refs import KINDS, resolved
    from intacct_protocol.model.uri_text import is_misspelt_address, uri_secrets

    kind, colon, name = place.partition(":")
    location = str(resolved({kind: name}, where=option)) if colon and kind in KINDS else place
    context.output.hide(uri_secrets(location))
    if "://" in location or location.startswith("~") or is_misspelt_address(location):
        return location
    return str(Path(location).resolve())


for _command in (retry_command, settle_command, resolve_command, forget_command):
    outbox_command.add_command(_command)
