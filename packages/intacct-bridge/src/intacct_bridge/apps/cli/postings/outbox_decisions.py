"""`intacct outbox retry`, `settle`, `resolve` and `forget`: refused records and records in doubt."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import command
from intacct_bridge.apps.cli.context import SETTLE_AFTER, CommandContext, number_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, WRITES
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.outbox import OutboxEntry


@command("retry", exits=WRITES)
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=int)
@click.option("--yes", is_flag=True, help="Write to a production company without confirmation.")
@shared_options(prints_table=True)
def retry_command(context: CommandContext, *, numbers: tuple[int, ...], yes: bool) -> int:
    """Send refused and unsent records again, unchanged; without numbers, all of them.

    Use it after a problem in the company was fixed. To fix a mistake in the file, correct the file and load it again.
    Records in doubt are settled, not retried. An update, a delete or an action is not sent if its record was changed in
    Intacct since it was planned. Nor is a new record that a later load has posted with other content.
    """
    from intacct_bridge.operations.outbox import retry

    entries = retry(context, numbers, ask=lambda: context.allow_write("refused and unsent records again", yes=yes))
    return _show_entries(context, entries, "Nothing to retry.")


@command("settle", exits=WRITES)
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=int)
@number_option("--settle-after", SETTLE_AFTER, metavar="S")
@click.option("--yes", is_flag=True, help="Write to a production company without confirmation.")
@shared_options(prints_table=True)
def settle_command(context: CommandContext, *, numbers: tuple[int, ...], settle_after: int | None, yes: bool) -> int:
    """Settle records in doubt: find out whether they were applied, and send them again only if provably not."""
    from intacct_bridge.operations.outbox import RecordStatus, settle

    waits = None if settle_after is None else timedelta(seconds=settle_after)
    with context.open_outbox():
        entries = settle(
            context,
            numbers,
            settle_after=waits,
            ask=lambda: context.allow_write("records in doubt that prove not to be applied", yes=yes),
        )
        status = _show_entries(context, entries, "Nothing is in doubt.")
        _propose(context, [entry for entry in entries if entry.status is RecordStatus.IN_DOUBT])
    return status


def _propose(context: CommandContext, doubtful: "list[OutboxEntry]") -> None:
    """Show the records that entries in doubt may have become, for a person to decide."""
    from intacct_bridge.operations.outbox import propose_records

    if not doubtful or context.output.as_json:
        return
    proposals = propose_records(context, doubtful)
    if proposals:
        context.output.say("These records may be the ones in doubt. Records with the same key come first.")
        rows = [(one.entry, one.record, one.label, one.has_key, one.created, one.creator) for one in proposals]
        context.output.table(("entry", "record", "label", "same key", "created", "by"), rows)
    context.output.say(
        "Check in Intacct, then decide: intacct outbox resolve NUMBER --posted-as KEY (or --not-posted) --because WHY"
    )


_BECAUSE = click.option("--because", metavar="TEXT", required=True, help="Say why. The outbox keeps the reason.")
_PERSON = click.option(
    "--person", metavar="NAME", help="Record this person's decision (default: the operating system's user)."
)


@command("resolve", exits=CONNECTED | {1: "no such record"})
@click.argument("number", type=int)
@click.option(
    "--posted-as", metavar="KEY", help="Conclude that Intacct has the record, with this RECORDNO or natural key."
)
@click.option(
    "--not-posted", is_flag=True, help="Conclude that Intacct does not have the record: it may be sent again."
)
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
    from intacct_bridge.operations.outbox import resolve

    if (posted_as is None) is not not_posted:
        raise SettingsError("Missing option --posted-as KEY or --not-posted.", fix="Give one of them.")
    decided = resolve(context, number, posted_as=posted_as, because=because, person=_decider(person))
    if decided.not_checked:
        context.output.say(f"Not checked in Intacct: {decided.not_checked}")
    _decided(context, decided.entry)
    if not_posted:
        context.output.say(f"It may be sent again: load its file again, or: intacct outbox retry {number}")


@command("forget", exits=CONNECTED)
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
    from intacct_bridge.operations.outbox import forget

    entry = forget(context, number, because=because, person=_decider(person))
    _decided(context, entry)
    context.output.say("The next load of this record posts it again.")


def _decider(person: str | None) -> str:
    """Who decides, on this machine."""
    import getpass

    if person and person.strip():
        return person.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise SettingsError("the operating system names no user", fix="Say who decides: --person NAME") from None


def _decided(context: CommandContext, entry: "OutboxEntry") -> None:
    facts = {"number": entry.number, "record": entry.label, "state": entry.status.value, "note": entry.note}
    if context.output.as_json:
        context.output.json({**facts, "receipt": entry.receipt.record if entry.receipt else None})
    else:
        context.output.result(f"{entry.number} {entry.label}: {entry.status.value}, {entry.note}")


def _show_entries(context: CommandContext, entries: "Sequence[OutboxEntry]", empty: str) -> int:
    from intacct_bridge.apps.views.outbox_entries import entry_row, exit_status

    rows = [(*entry_row(entry)[:5], entry.note or "; ".join(str(fault) for fault in entry.faults)) for entry in entries]
    context.output.table(("number", "state", "record", "operation", "receipt", "why"), rows, empty=empty)
    return exit_status(entries)
