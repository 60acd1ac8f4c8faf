"""`intacct outbox`: what was posted, with receipts; what failed, and what is in doubt."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from intacct_bridge.edge.options import Desk, stands_at_a_desk
from intacct_bridge.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.flow.entry import Entry

_STATES = ("planned", "not_sent", "sent", "applied", "rejected", "aborted", "in_doubt")


@click.group("outbox", no_args_is_help=True)
def outbox_command() -> None:
    """The durable record of what was posted from this machine, one for each company.

    \b
    Examples:
      intacct outbox list --state in_doubt
      intacct outbox show 17
      intacct outbox settle
    """


@outbox_command.command("list")
@click.option("--state", type=click.Choice(_STATES), multiple=True, help="Only entries in this state; may be repeated.")
@click.option("--object", "object_name", metavar="OBJECT", help="Only entries of this object.")
@click.option("--limit", metavar="N", type=click.IntRange(1), default=100, show_default=True, help="The latest so many.")
@stands_at_a_desk(prints_table=True)
def list_command(desk: Desk, *, state: tuple[str, ...], object_name: str | None, limit: int) -> None:
    """What was posted, the latest last."""
    from intacct_bridge.edge.outbox_place import open_outbox
    from intacct_bridge.flow.company import Whereabouts
    from intacct_bridge.flow.entry import State

    where = Whereabouts.of(desk.connection)
    with open_outbox(desk.connection) as outbox:
        states = [State(one) for one in state]
        entries = list(outbox.entries(company=where.company, states=states, object=object_name))
    rows = [_row(entry) for entry in entries[-limit:]]
    columns = ("number", "state", "record", "operation", "receipt", "sent", "by", "source")
    desk.console.table(columns, rows, empty="nothing was posted from here yet")
    if len(entries) > limit:
        desk.console.say(f"the latest {limit:,} of {len(entries):,}; --limit shows more")


def _row(entry: "Entry") -> tuple[object, ...]:
    receipt = f"{entry.place.object} {entry.receipt.record}" if entry.receipt and entry.receipt.record else ""
    return (
        entry.number,
        entry.state.value,
        entry.label,
        entry.place.operation.value,
        receipt,
        entry.last_sent_at,
        entry.user,
        entry.position,
    )


@outbox_command.command("show")
@click.argument("number", type=int)
@stands_at_a_desk(prints_table=True)
def show_command(desk: Desk, *, number: int) -> None:
    """One entry, with every state it was in."""
    from intacct_bridge.edge.outbox_place import open_outbox

    with open_outbox(desk.connection) as outbox:
        entry = next((one for one in outbox.entries() if one.number == number), None)
        if entry is None:
            raise SettingsError(f"the outbox has no entry {number}", fix="See: intacct outbox list")
        history = [dict(event) for event in outbox.history(entry)]
    facts = {
        "number": entry.number,
        "record": entry.label,
        "state": entry.state.value,
        "operation": f"{entry.place.operation.value} {entry.place.object}",
        "company": entry.place.company,
        "entity": entry.place.entity,
        "identity": entry.identity,
        "attempt": entry.attempt,
        "control id": entry.control_id,
        "source": entry.position,
        "by": entry.user,
        "sent": entry.last_sent_at,
        "receipt": entry.receipt.record if entry.receipt else "",
        "faults": [str(fault) for fault in entry.faults],
        "note": entry.note,
    }
    if desk.console.as_json:
        desk.console.json({**facts, "history": history, "body": entry.body})
        return
    desk.console.pairs({name: value for name, value in facts.items() if value not in ("", None, [])})
    desk.console.result("")
    if history:
        shown = [name for name in history[0] if name not in ("number", "entry")]
        desk.console.table(shown, [[event[name] for name in shown] for event in history])


@outbox_command.command("retry")
@click.argument("numbers", metavar="NUMBER...", nargs=-1, type=int)
@click.option("--yes", is_flag=True, help="Do not ask before writing to a production company.")
@stands_at_a_desk(prints_table=True)
def retry_command(desk: Desk, *, numbers: tuple[int, ...], yes: bool) -> int:
    """Send again what was refused or never left; without numbers, all of it. What is in doubt is settled, not retried."""
    from intacct_bridge.edge.outbox_place import open_outbox
    from intacct_bridge.flow.company import Whereabouts
    from intacct_bridge.flow.entry import FREE, Intent, State
    from intacct_bridge.flow.load import BATCH
    from intacct_bridge.flow.outbox_rows import chunks
    from intacct_bridge.flow.send import Sender

    where = Whereabouts.of(desk.connection)
    with open_outbox(desk.connection) as outbox:
        found = list(outbox.entries(company=where.company, states=FREE))
        chosen = [entry for entry in found if not numbers or entry.number in numbers]
        unknown = set(numbers) - {entry.number for entry in chosen}
        if unknown:
            raise SettingsError(
                f"entry {min(unknown)} is not one that can be retried",
                fix="Only refused entries and those that never left can; see: intacct outbox list",
            )
        if not chosen:
            desk.console.say("nothing to retry")
            return 0
        desk.allow_write(f"{len(chosen):,} records again", yes=yes)
        intents = [
            Intent(
                entry.place,
                entry.identity,
                entry.digest,
                entry.body,
                entry.trace,
                entry.label,
                entry.position,
                entry.tracked,
            )
            for entry in chosen
        ]
        sender = Sender(desk.client, outbox)
        done = [one for some in chunks(outbox.plan(intents), BATCH) for one in sender.send(outbox.begin(some))]
    return _told(desk, done, State.APPLIED)


@outbox_command.command("settle")
@click.option("--settle-after", metavar="S", type=click.IntRange(0), help="Seconds before a record that is not found counts as not applied.")
@stands_at_a_desk(prints_table=True)
def settle_command(desk: Desk, *, settle_after: int | None) -> int:
    """Find out what became of entries in doubt; only what provably was not applied is sent again."""
    from intacct_bridge.edge.outbox_place import open_outbox
    from intacct_bridge.flow.company import Whereabouts
    from intacct_bridge.flow.entry import State
    from intacct_bridge.flow.settle import Settler, SettleSettings

    settings = SettleSettings() if settle_after is None else SettleSettings(timedelta(seconds=settle_after))
    where = Whereabouts.of(desk.connection)
    with open_outbox(desk.connection) as outbox:
        outbox.recover()
        doubtful = list(outbox.entries(company=where.company, states=[State.IN_DOUBT]))
        if not doubtful:
            desk.console.say("nothing is in doubt")
            return 0
        done = Settler(desk.client, outbox, settings).settle(doubtful)
    return _told(desk, done, State.APPLIED)


def _told(desk: Desk, entries: "list[Entry]", good: object) -> int:
    rows = [(*_row(entry)[:5], entry.note or "; ".join(str(fault) for fault in entry.faults)) for entry in entries]
    desk.console.table(("number", "state", "record", "operation", "receipt", "why"), rows)
    if any(entry.state.value == "in_doubt" for entry in entries):
        return 5
    return 0 if all(entry.state is good for entry in entries) else 1
