"""`intacct plan`: a saved plan is shown, approved by a person, and applied."""

from datetime import timedelta
from pathlib import Path

import click

from intacct_bridge.apps.cli.command import WRITE, command_group
from intacct_bridge.apps.cli.context import SETTLE_AFTER, CommandContext, number_option, shared_options
from intacct_bridge.apps.cli.postings.saved_plans import apply_saved_plan, next_step, show_saved_plan
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, WRITES
from intacct_protocol.errors import SettingsError

_PLAN = click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
_LEAST_DIGITS = 12


@command_group(
    "plan",
    section=WRITE,
    place=3,
    short_help="Show, approve and apply a saved plan.",
    no_args_is_help=True,
)
def plan_command() -> None:
    """Look at a saved plan, approve it, and apply it.

    The commands load, undo, create, update, delete, reverse, void, approve, decline and recall write a plan to a file
    with --out PLAN. A plan that an agent made has an id instead of a file.

    \b
    Examples:
      intacct plan show bills.plan
      intacct plan approve bills.plan
      intacct plan apply bills.plan
      intacct plan approve plan-9f86d081884c
    """


@plan_command.command("show", exits=CONNECTED | {1: "the plan has refused records"})
@_PLAN
@shared_options(prints_table=True)
def show_command(context: CommandContext, *, plan: Path) -> int:
    """Show the plan, checked against the company as it is now. Nothing is sent.

    The id, the digest and the approvals of the plan are shown too.

    \b
    Example:
      intacct plan show bills.plan
    """
    return show_saved_plan(context, plan)


@plan_command.command("approve", exits=CONNECTED)
@_PLAN
@number_option("--hours", "Let the approval expire after this many hours.", least=1, most=720, default=24)
@click.option("--digest", metavar="DIGEST", help="Approve only this digest (its first 12 digits or more); do not ask.")
@shared_options(prints_table=True)
def approve_command(context: CommandContext, *, plan: Path, hours: int, digest: str | None) -> None:
    """Show the plan, and approve it in your name. The outbox keeps who approved which digest, and until when.

    Without a terminal, --digest says which plan is approved.

    \b
    Examples:
      intacct plan approve bills.plan
      intacct plan approve bills.plan --hours 72
    """
    from intacct_bridge.apps.views.approval import show_saved
    from intacct_bridge.operations.plans import approve_plan, open_revalidated

    with context.open_outbox():
        saved = open_revalidated(context, plan)
        if not context.output.as_json:
            show_saved(saved, context.output)
        if digest is not None:
            _check_digest(digest, saved.digest)
        elif not context.output.confirm(f"Approve {saved.id} as {context.actor}?"):
            raise SettingsError("Nothing was approved.", fix=f"Answer yes, or pass --digest {saved.digest[:12]}")
        approval = approve_plan(context, saved, digest=saved.digest, valid_for=timedelta(hours=hours))
    if context.output.as_json:
        context.output.json(approval.to_dict())
        return
    until = f"{approval.expires_at:%Y-%m-%d %H:%M} UTC"
    context.output.result(f"{approval.plan} is approved by {approval.person} until {until}")
    next_step(context, saved.file, approved=True)


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
