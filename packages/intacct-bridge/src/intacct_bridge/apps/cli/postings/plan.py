"""`intacct plan`: saved plans are listed, shown, approved by a person, and applied."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import WRITE, command_group
from intacct_bridge.apps.cli.context import SETTLE_AFTER, CommandContext, number_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, FAILURES, WRITES
from intacct_bridge.apps.terminal.tables import Count
from intacct_bridge.apps.views.saved_plans import apply_saved_plan, next_step, show_saved_plan
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.plans import RecordPage, SavedPlan

_PLAN = click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
_LEAST_DIGITS = 12
_STATES = {
    "waiting": "waits for an approval",
    "approved": "approved",
    "free": "needs no approval",
    "done": "nothing left",
}


@command_group(
    "plan",
    section=WRITE,
    place=3,
    short_help="List, show, approve and apply saved plans.",
    no_args_is_help=True,
)
def plan_command() -> None:
    """List saved plans, look at one, approve it, and apply it.

    The commands load, undo, create, update, delete, reverse, void, approve, decline and recall write a plan to a file
    with --out PLAN. A plan that an agent made has an id instead of a file.

    \b
    Examples:
      intacct plan list
      intacct plan show bills.plan
      intacct plan approve bills.plan
      intacct plan apply bills.plan
      intacct plan approve plan-9f86d081884c
    """


@plan_command.command("list", exits={1: "a plan cannot be read"})
@click.option("--done", "is_done", is_flag=True, help="List the plans with nothing left to apply instead.")
@number_option("--limit", "List at most this many plans, the latest first.", least=1, default=50)
@click.option("--after", metavar="PLAN", default="", help="List the plans that were made before this one.")
@shared_options(prints_table=True)
def list_command(context: CommandContext, *, is_done: bool, limit: int, after: str) -> int:
    """List the plans that the outbox of the connection keeps, with what they need. Nothing is asked of Intacct.

    These are the plans of agents, of the console and of other programs. A plan that --out has saved is a file of yours,
    and is not listed.

    \b
    Examples:
      intacct plan list
      intacct plan list --done --limit 10
      intacct plan list --json
    """
    from intacct_bridge.apps.views.plan_summary import totals_text
    from intacct_bridge.operations.outbox import has_outbox
    from intacct_bridge.operations.plans import SavedPlanPage, saved_plans

    output, page = context.output, SavedPlanPage((), (), "")
    if has_outbox(context.connection):
        page = saved_plans(context, done=is_done, after=after, limit=limit)
    if output.as_json:
        plans = [{"connection": context.connection.name, **saved.facts()} for saved in page.plans]
        elsewhere = [
            {"user": target.user, "entity": target.entity, "environment": target.environment, "plans": count}
            for target, count in page.elsewhere
        ]
        unreadable_ids = [plan.id for plan in page.unreadable]
        output.json({"plans": plans, "unreadable": unreadable_ids, "next": page.next, "elsewhere": elsewhere})
    else:
        rows = [
            (
                *(saved.id, saved.made_at, saved.made_by, saved.plan.source),
                Count(saved.open_records or len(saved.plan.records)),
                "; ".join(map(totals_text, saved.summary.totals)),
                _STATES[saved.state],
            )
            for saved in page.plans
        ]
        columns = ("plan", "made", "by", "from", "records", "totals", "state")
        output.table(columns, rows, empty="No plan is saved." if not is_done else "No saved plan is done.")
    for unreadable in page.unreadable:
        output.complain(f"error  {unreadable.id}: {unreadable.error.message} ({unreadable.error.fix})")
    if page.next:
        output.say(f"The next plans: --after {page.next}")
    for target, count in page.elsewhere:
        entity = f" in entity {target.entity}" if target.entity else ""
        output.say(
            f"{counted(count, 'more plan')} of user {target.user}{entity} ({target.environment}): "
            "use the connection that saved them"
        )
    return FAILURES if page.unreadable else 0


@plan_command.command("show", exits=CONNECTED | {1: "the plan has refused records"})
@_PLAN
@number_option("--page", "Show this page of the records.", least=1, default=1)
@click.option("--find", metavar="TEXT", default="", help="Show the records with this text in a field or a line.")
@click.option(
    "--sort",
    type=click.Choice(["plan", "amount", "party", "record"]),
    default="plan",
    help="Sort the records: as in the plan (default), the largest amounts first, by party, or by name.",
)
@number_option("--record", "Show this record with everything that is sent.", least=1)
@shared_options(prints_table=True)
def show_command(context: CommandContext, *, plan: Path, page: int, find: str, sort: str, record: int | None) -> int:
    """Show the plan, checked against the company as it is now. Nothing is sent.

    The id, the digest and the approvals of the plan are shown too. Records come by page, 50 on each. Totals are by
    currency, party and account, with positive and negative amounts apart.

    \b
    Examples:
      intacct plan show bills.plan
      intacct plan show bills.plan --page 2
      intacct plan show bills.plan --sort amount --find "Acme"
      intacct plan show bills.plan --record 17
    """
    from intacct_bridge.operations.plans import RecordQuery, RecordSort

    query = RecordQuery(find=find, sort=RecordSort(sort), page=page)
    return show_saved_plan(context, plan, query=query, record=record)


@plan_command.command("approve", exits=CONNECTED)
@_PLAN
@number_option("--hours", "Let the approval expire after this many hours.", least=1, most=720, default=24)
@click.option("--digest", metavar="DIGEST", help="Approve only this digest (its first 12 digits or more); do not ask.")
@click.option(
    "--figures",
    metavar="TEXT",
    default="",
    help="The number of records and the totals that you saw; with --digest, for a plan of more than one page.",
)
@shared_options(prints_table=True)
def approve_command(context: CommandContext, *, plan: Path, hours: int, digest: str | None, figures: str) -> None:
    """Show the plan, and approve it in your name. The outbox keeps who approved which digest, and until when.

    If the plan needs an approval and has more than one page, look at each page, or type its number of records and its
    totals as its summary shows them.

    Without a terminal, --digest says which plan is approved. Of a plan with more than one page, --figures repeats its
    number of records, then each currency with its positive and its negative total.

    \b
    Examples:
      intacct plan approve bills.plan
      intacct plan approve bills.plan --hours 72
      intacct plan approve bills.plan --digest 9f86d081884c --figures "1500 USD 250000.00 -900.00"
    """
    from intacct_bridge.apps.views.approval import show_saved
    from intacct_bridge.operations.plans import RecordQuery, approve_plan, open_revalidated

    with context.open_outbox():
        saved = open_revalidated(context, plan)
        page = show_saved(saved, context.output, RecordQuery()) if not context.output.as_json else None
        seen_to_end = False
        if digest is not None:
            _check_digest(digest, saved.digest)
        else:
            if page is not None and saved.needs_approval and not figures:
                figures = _page_to_end(context, saved, page)
                seen_to_end = not figures
            if not context.output.confirm(f"Approve {saved.id} as {context.actor}?"):
                context.note_choice(declined=True)
                raise SettingsError("Nothing was approved.", fix=f"Answer yes, or pass --digest {saved.digest[:12]}")
        approval = approve_plan(
            context,
            saved,
            digest=saved.digest,
            valid_for=timedelta(hours=hours),
            seen_to_end=seen_to_end,
            figures=figures,
        )
    if context.output.as_json:
        context.output.json(approval.to_dict())
        return
    until = f"{approval.expires_at:%Y-%m-%d %H:%M} UTC"
    context.output.result(f"{approval.plan} is approved by {approval.person} until {until}")
    next_step(context, saved.argument, approved=True)


def _page_to_end(context: CommandContext, saved: "SavedPlan", page: "RecordPage") -> str:
    """Show the pages that follow, one at a time; the figures if the person types them instead."""
    from intacct_bridge.apps.views.approval import show_records_of

    while not page.is_last:
        typed = context.output.answer(
            f"Enter shows page {page.page + 1:,} of {page.pages:,}. Or type the number of records and the totals"
        )
        if typed is None:
            raise SettingsError(
                "Nothing was approved.", fix=f"Use a terminal, or pass --digest {saved.digest[:12]} and --figures."
            )
        if typed:
            return typed
        page = saved.summary.page(replace(page.query, page=page.page + 1))
        show_records_of(saved, page, context.output)
    return ""


def _check_digest(typed: str, digest: str) -> None:
    text = typed.strip().lower()
    if len(text) < _LEAST_DIGITS or not digest.startswith(text):
        raise SettingsError(
            f"the plan has the digest {digest}, not {typed}",
            fix=f"Look at the plan, and pass at least {_LEAST_DIGITS} digits of its digest.",
        )


@plan_command.command("apply", exits=WRITES)
@_PLAN
@number_option("--settle-after", SETTLE_AFTER, metavar="S")
@click.option("--track", metavar="FIELD", multiple=True, help="Store this field's value in the outbox. Repeatable.")
@click.option("--yes", is_flag=True, help="Do not ask before writing to a production company. This approves nothing.")
@shared_options(prints_table=True)
def apply_command(
    context: CommandContext, *, plan: Path, settle_after: int | None, track: tuple[str, ...], yes: bool
) -> int:
    """Apply the plan as it was made, if its references and existing records have not changed.

    Applying it again sends only what was not sent.

    \b
    Example:
      intacct plan apply bills.plan
    """
    return apply_saved_plan(context, plan, settle_after=settle_after, track=track, yes=yes)
