"""`intacct outbox`: posted records with their receipts, failed records, and records in doubt."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.edge.cli.context import (
    SETTLE_AFTER,
    CommandContext,
    day_option,
    file_option,
    number_option,
    shared_options,
)
from intacct_bridge.errors import SettingsError
from intacct_bridge.model.wording import amount_shown, counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intacct_bridge.flow.outbox.entry import OutboxEntry
    from intacct_bridge.flow.outbox.outbox import Outbox
    from intacct_bridge.flow.post.candidates import Candidate

_COLUMNS = (
    "number", "state", "record", "operation", "amount", "currency", "posting_date", "receipt", "sent", "by", "source",
    "run",
)  # fmt: skip
_MORE = ("outcome", "link", "sent_local", "undoes")
"""Columns for programs only; people see the link where one is known."""
_OPERATIONS = ("create", "update", "delete", "reverse", "void", "approve", "decline", "recall")
_RUN = 12
"""Characters of a run's id that are shown."""
_STATES = ("planned", "not_sent", "sent", "applied", "rejected", "aborted", "in_doubt", "released")


@click.group("outbox", no_args_is_help=True)
def outbox_command() -> None:
    """The durable record of all writes, one for each company: of this machine, or of all that share a database.

    \b
    Examples:
      intacct outbox list --state in_doubt
      intacct outbox list --since 2026-11-01 --object APBILL --export november.csv
      intacct outbox show 17
      intacct outbox settle
      intacct outbox resolve 17 --posted-as 7295 --because "seen in Intacct"
    """


@outbox_command.command("list")
@click.option("--state", type=click.Choice(_STATES), multiple=True, help="Only entries in this state; may be repeated.")
@click.option("--object", "object_name", metavar="OBJECT", help="Only entries of this object.")
@click.option("--operation", type=click.Choice(_OPERATIONS), help="Only writes of this kind.")
@click.option("--by", "user", metavar="USER", default="", help="Only entries that this user sent.")
@click.option("--source", metavar="TEXT", default="", help="Only entries from inputs with this text in their name.")
@click.option(
    "--find",
    "text",
    metavar="TEXT",
    default="",
    help="Only entries with this text in the record, the receipt or a tracked value.",
)
@day_option("--since", "Only entries sent on this date (UTC) or later.")
@day_option("--until", "Only entries sent on this date (UTC) or earlier.")
@number_option("--limit", "The number of entries to list, the latest; an export has all.", least=1, default=100)
@file_option("--export", "Write the entries to this file (.csv or .jsonl) with all their values.")
@click.option("--links", is_flag=True, help="Ask Intacct for the links of records whose link is not known yet.")
@shared_options(prints_table=True)
def list_command(
    context: CommandContext, *, state: tuple[str, ...], object_name: str | None, limit: int, links: bool, **options: Any
) -> None:
    """List writes, the latest last: the record, its state, receipt, time, user and source row."""
    from intacct_bridge.flow.company.target_company import TargetCompany
    from intacct_bridge.flow.outbox.audit import EntryFilter, export, facts, sums
    from intacct_bridge.flow.records.status import RecordStatus

    file = options.pop("export")
    since, until = (day.date() if (day := options.pop(name)) else None for name in ("since", "until"))
    wanted = EntryFilter(operation=options.pop("operation") or "", **options, since=since, until=until)
    where = TargetCompany.of(context.connection)
    with context.open_outbox() as outbox:
        outbox.recover()
        states = [RecordStatus(one) for one in state]
        object_name = object_name.upper() if object_name else None
        found = outbox.entries(company=where.company, statuses=states, object=object_name)
        entries = [entry for entry in found if wanted(entry)]
        if links:
            entries = _linked(context, outbox, entries if file is not None else entries[-limit:], entries)
    if file is not None:
        context.console.say(f"{counted(export(entries, file), 'entry')} in {file}")
        return
    shown = entries[-limit:]
    tracked = tuple(dict.fromkeys(name for entry in shown for name in entry.tracked))
    more = _MORE if context.console.as_json else ("link",) if any(entry.url for entry in shown) else ()
    rows = [
        (*_listed(context, entry), *map(facts(entry).get, more), *(entry.tracked.get(name, "") for name in tracked))
        for entry in shown
    ]
    columns = (*_COLUMNS, *more, *tracked)
    context.console.table(columns, rows, empty="No writes match.")
    for one in sums(entries):
        amounts = (
            f"debits {amount_shown(one.debit, one.currency)}, credits {amount_shown(one.credit, one.currency)}"
            if one.debit or one.credit
            else ""
        )
        others = f"amounts {amount_shown(one.amount, one.currency)}" if one.amount else ""
        context.console.say(f"In Intacct: {', '.join(filter(None, (amounts, others)))} {one.currency}".rstrip())
    if len(entries) > limit:
        context.console.say(f"The latest {limit:,} of {counted(len(entries), 'entry')}; --limit shows more.")


def _linked(
    context: CommandContext, outbox: "Outbox", wanted: "list[OutboxEntry]", entries: "list[OutboxEntry]"
) -> "list[OutboxEntry]":
    """The entries with the links that Intacct has for the wanted ones."""
    from intacct_bridge.flow.outbox.links import keep_links
    from intacct_bridge.flow.post.retry import within_entities

    for within, some in within_entities(context.load_gateway, wanted):
        keep_links(within, outbox, some)
    asked = {entry.number for entry in wanted}
    return [outbox.entry(entry.number) if entry.number in asked else entry for entry in entries]


def _listed(context: CommandContext, entry: "OutboxEntry") -> tuple[object, ...]:
    """An entry's cells in a list. For programs they keep their values: operation as sent, time in UTC."""
    from decimal import Decimal

    from intacct_bridge.flow.outbox.audit import amount_text, currency_text, local_text
    from intacct_bridge.flow.outbox.entry import outcome_word

    number, state, record, operation, receipt, sent, *others = _row(entry)
    amount = amount_text(entry, grouped=not context.console.as_json)
    if not context.console.as_json:
        operation, sent = outcome_word(entry), local_text(entry.last_sent_at)
    money = Decimal(amount.replace(",", "")) if amount and ";" not in amount else amount
    return number, state, record, operation, money, currency_text(entry), entry.posting_date, receipt, sent, *others


def _row(entry: "OutboxEntry") -> tuple[object, ...]:
    receipt = f"{entry.target.object} {entry.receipt.record}" if entry.receipt and entry.receipt.record else ""
    return (
        entry.number,
        entry.status.value,
        entry.label,
        entry.target.operation.value,
        receipt,
        entry.last_sent_at,
        entry.user,
        entry.position,
        entry.loader[:_RUN],
    )


@outbox_command.command("show")
@click.argument("number", type=int)
@click.option("--links", is_flag=True, help="Ask Intacct for the record's link if it is not known yet.")
@shared_options(prints_table=True)
def show_command(context: CommandContext, *, number: int, links: bool) -> None:
    """Show one entry, with every state that it had."""
    with context.open_outbox() as outbox:
        outbox.recover()
        entry = outbox.entry(number)
        if links:
            (entry,) = _linked(context, outbox, [entry], [entry])
        decisions = outbox.decisions(entry)
        history = [dict(event) for event in outbox.history(entry)]
        earlier = outbox.earlier_values(entry) or {}
    facts = entry_facts(entry, earlier, grouped=not context.console.as_json)
    if context.console.as_json:
        context.console.json({**facts, "history": history, "decisions": decisions, "body": entry.body})
        return
    context.console.pairs({name: value for name, value in facts.items() if value not in ("", None, [])})
    context.console.result("")
    if history:
        shown = [name for name in ("at", "state", "attempt", "user", "note") if name in history[0]]
        context.console.table(shown, [[event[name] for name in shown] for event in history])
    if decisions:
        context.console.result("")
        context.console.table(list(decisions[0]), [list(one.values()) for one in decisions])


def entry_facts(entry: "OutboxEntry", earlier: "Mapping[str, Any]", *, grouped: bool) -> dict[str, Any]:
    """What an entry says by label; `grouped`: amounts have thousands separators."""
    from intacct_bridge.flow.outbox.audit import amount_text, currency_text, local_text
    from intacct_bridge.flow.outbox.entry import outcome_word
    from intacct_bridge.flow.records.values import comparable

    return {
        "number": entry.number,
        "record": entry.label,
        "state": entry.status.value,
        "operation": f"{outcome_word(entry)} {entry.target.object}",
        "amount": " ".join(filter(None, (amount_text(entry, grouped=grouped), currency_text(entry)))),
        "posting date": entry.posting_date,
        "company": entry.target.company,
        "entity": entry.target.entity,
        "identity": entry.identity,
        "attempt": entry.attempt,
        "control id": entry.control_id,
        "source": entry.position,
        "by": entry.user,
        "sent": entry.last_sent_at,
        "sent (local time)": local_text(entry.last_sent_at),
        "receipt": entry.receipt.record if entry.receipt else "",
        "link": entry.url,
        "run": entry.loader,
        "takes back entry": entry.undoes,
        "earlier values": [f"{name}: {comparable(value) or '(empty)'}" for name, value in earlier.items()],
        "tracked": ", ".join(f"{name} {value}" for name, value in entry.tracked.items()),
        "faults": [str(fault) for fault in entry.faults],
        "note": entry.note,
    }


@outbox_command.command("retry")
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=int)
@click.option("--yes", is_flag=True, help="Write to a production company without confirmation.")
@shared_options(prints_table=True)
def retry_command(context: CommandContext, *, numbers: tuple[int, ...], yes: bool) -> int:
    """Send refused and unsent records again, unchanged; without numbers, all of them.

    Use it after a problem in the company was fixed. To fix a mistake in the file, correct the file and load it again.
    Records in doubt are settled, not retried.
    """
    from intacct_bridge.flow.post.retry import retry
    from intacct_bridge.flow.records.status import UNAPPLIED

    with context.open_outbox() as outbox:
        if any(True for _ in outbox.entries(statuses=UNAPPLIED)):
            context.allow_write("refused and unsent records again", yes=yes)
        return _show(context, retry(context.load_gateway, outbox, only=numbers), "Nothing to retry.")


@outbox_command.command("settle")
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=int)
@number_option("--settle-after", SETTLE_AFTER, metavar="S")
@click.option("--yes", is_flag=True, help="Write to a production company without confirmation.")
@shared_options(prints_table=True)
def settle_command(context: CommandContext, *, numbers: tuple[int, ...], settle_after: int | None, yes: bool) -> int:
    """Settle records in doubt: find out whether they were applied, and send them again only if provably not."""
    from intacct_bridge.flow.post.retry import settle_doubts
    from intacct_bridge.flow.post.settle import SettleSettings
    from intacct_bridge.flow.records.status import RecordStatus

    waits = SettleSettings().settle_after if settle_after is None else timedelta(seconds=settle_after)
    settings = SettleSettings(waits, memory_proven=context.client.runtime.calibration.memory_proven)
    with context.open_outbox() as outbox:
        outbox.recover()
        if any(True for _ in outbox.entries(statuses=[RecordStatus.IN_DOUBT])):
            context.allow_write("records in doubt that prove not to be applied", yes=yes)
        settled = settle_doubts(context.load_gateway, outbox, settings, only=numbers)
        status = _show(context, settled, "Nothing is in doubt.")
        _propose(context, outbox, [one for one in settled if one.status is RecordStatus.IN_DOUBT])
    return status


def proposed(context: CommandContext, outbox: "Outbox", doubtful: "list[OutboxEntry]") -> "list[Candidate]":
    """The records that entries in doubt may have become, as Intacct shows them in each entry's entity."""
    from intacct_bridge.flow.post.candidates import candidates
    from intacct_bridge.flow.post.retry import within_entities

    return [
        one
        for within, some in within_entities(context.load_gateway, doubtful)
        for one in candidates(within, outbox, some)
    ]


def _propose(context: CommandContext, outbox: "Outbox", doubtful: "list[OutboxEntry]") -> None:
    """Show the records that entries in doubt may have become, for a person to decide."""
    if not doubtful or context.console.as_json:
        return
    found = proposed(context, outbox, doubtful)
    if found:
        context.console.say("These records may be the ones in doubt. Records with the same key come first.")
        rows = [(one.entry, one.record, one.label, one.has_key, one.created, one.creator) for one in found]
        context.console.table(("entry", "record", "label", "same key", "created", "by"), rows)
    context.console.say(
        "Check in Intacct, then decide: intacct outbox resolve NUMBER --posted-as KEY (or --not-posted) --because WHY"
    )


_BECAUSE = click.option("--because", metavar="TEXT", required=True, help="Say why. The outbox keeps the reason.")
_PERSON = click.option("--person", metavar="NAME", help="Who decides (default: the operating system's user).")


@outbox_command.command("resolve")
@click.argument("number", type=int)
@click.option("--posted-as", metavar="KEY", help="Intacct has the record, with this RECORDNO or natural key.")
@click.option("--not-posted", is_flag=True, help="Intacct does not have the record: it may be sent again.")
@_BECAUSE
@_PERSON
@shared_options(prints_table=True)
def resolve_command(
    context: CommandContext, *, number: int, posted_as: str | None, not_posted: bool, because: str, person: str | None
) -> None:
    """Decide whether a record in doubt was posted. `intacct outbox settle` shows which records it may be.

    \b
    Examples:
      intacct outbox resolve 17 --posted-as 7295 --because "bill seen in Intacct"
      intacct outbox resolve 17 --not-posted --because "Sage support found no request"
    """
    from intacct_bridge.flow.outbox.entry import Resolution, ResolutionKind

    if (posted_as is None) is not not_posted:
        raise SettingsError("Missing option --posted-as KEY or --not-posted.", fix="Give one of them.")
    with context.open_outbox() as outbox:
        outbox.recover()
        _of_company(context, outbox.entry(number))
        record = _seen(context, outbox.entry(number), posted_as) if posted_as is not None else ""
        kind = ResolutionKind.NOT_POSTED if not_posted else ResolutionKind.POSTED_AS
        entry = outbox.decide(number, Resolution(kind, _decider(person), _reason(because), record))
    _decided(context, entry)
    if not_posted:
        context.console.say(f"It may be sent again: load its file again, or: intacct outbox retry {number}")


@outbox_command.command("forget")
@click.argument("number", type=int)
@_BECAUSE
@_PERSON
@shared_options(prints_table=True)
def forget_command(context: CommandContext, *, number: int, because: str, person: str | None) -> None:
    """Forget that a record was posted, so that the next load of it posts it again.

    This is for a record that Intacct no longer has. The record in Intacct stays as it is.

    \b
    Example:
      intacct outbox forget 17 --because "deleted by hand on 3 November"
    """
    from intacct_bridge.flow.outbox.entry import Resolution, ResolutionKind

    with context.open_outbox() as outbox:
        _of_company(context, outbox.entry(number))
        entry = outbox.decide(number, Resolution(ResolutionKind.FORGOTTEN, _decider(person), _reason(because)))
    _decided(context, entry)
    context.console.say("The next load of this record posts it again.")


@outbox_command.command("move")
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
    from intacct_bridge.flow.outbox.move import move_outbox
    from intacct_bridge.flow.outbox.storage import outbox_place

    connection = context.connection
    new = _named_place(context, target, "--to")
    old = _named_place(context, source, "--from") if source else connection.outbox
    moved = move_outbox(outbox_place(replace(connection, outbox=old)), outbox_place(replace(connection, outbox=new)))
    if context.console.as_json:
        context.console.json({"entries": moved.entries, "event_log": moved.events, "outbox": moved.name})
        return
    log = ", and the event log" if moved.events else ""
    context.console.result(f"{counted(moved.entries, 'entry')}{log}: moved to {moved.name}")
    if new != connection.outbox:
        context.console.say(f"Now set `outbox` of connection {connection.name} to that place, on every machine.")


def _named_place(context: CommandContext, place: str, option: str) -> str:
    """A place, or the one that a reference to a secret stands for."""
    from intacct_bridge.client.connections.secret_refs import KINDS, resolved
    from intacct_bridge.model.uri_text import uri_secrets

    kind, colon, name = place.partition(":")
    found = str(resolved({kind: name}, where=option)) if colon and kind in KINDS else place
    context.console.hide(uri_secrets(found))
    if "://" in found or found.startswith("~"):
        return found
    return str(Path(found).resolve())


def _of_company(context: CommandContext, entry: "OutboxEntry") -> None:
    """Refuse an entry that this connection does not reach: another company's, or another entity's."""
    from intacct_bridge.flow.company.target_company import TargetCompany

    here, there = TargetCompany.of(context.connection), entry.target
    if here.company != there.company or here.entity.casefold() not in ("", there.entity):
        where = f"{there.company}, entity {there.entity}" if there.entity else there.company
        raise SettingsError(f"entry {entry.number} is of {where}", fix="Use a connection to it.")


def _seen(context: CommandContext, entry: "OutboxEntry", key: str) -> str:
    """The record that a person names, as Intacct shows it."""
    from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError
    from intacct_bridge.flow.post.candidates import record_of
    from intacct_bridge.flow.post.retry import within_entities

    name = entry.target.object
    ((within, _),) = within_entities(context.load_gateway, [entry])
    try:
        record = record_of(within, name, key)
    except (InvalidRequestError, NotPermittedError, RefusedError) as error:
        context.console.say(f"Not checked in Intacct: {error.message}")
        return key
    if not record:
        raise SettingsError(
            f"Intacct shows no {name} {key!r} to {entry.user or 'this user'}",
            fix=f"Give its RECORDNO. Look with: intacct query {name}",
        )
    return record


def _decider(person: str | None) -> str:
    """Who decides, on this machine."""
    import getpass

    if person and person.strip():
        return person.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise SettingsError("the operating system names no user", fix="Say who decides: --person NAME") from None


def _reason(because: str) -> str:
    if not because.strip():
        raise SettingsError("--because is empty", fix="Say why; the outbox keeps the reason.")
    return because.strip()


def _decided(context: CommandContext, entry: "OutboxEntry") -> None:
    facts = {"number": entry.number, "record": entry.label, "state": entry.status.value, "note": entry.note}
    if context.console.as_json:
        context.console.json({**facts, "receipt": entry.receipt.record if entry.receipt else None})
    else:
        context.console.result(f"{entry.number} {entry.label}: {entry.status.value}, {entry.note}")


def _show(context: CommandContext, entries: "list[OutboxEntry]", empty: str) -> int:
    context.recorder.add_records(entry.status for entry in entries)
    rows = [(*_row(entry)[:5], entry.note or "; ".join(str(fault) for fault in entry.faults)) for entry in entries]
    context.console.table(("number", "state", "record", "operation", "receipt", "why"), rows, empty=empty)
    if any(entry.status.value == "in_doubt" for entry in entries):
        return 5
    return 0 if all(entry.status.value == "applied" for entry in entries) else 1
