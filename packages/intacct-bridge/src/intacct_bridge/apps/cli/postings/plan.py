"""`intacct plan`: a kept plan is shown, approved by a person, and applied."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from intacct_bridge.apps.cli.command import WRITE, command_group
from intacct_bridge.apps.cli.context import SETTLE_AFTER, CommandContext, number_option, shared_options
from intacct_bridge.apps.cli.postings.kept_plans import next_step, run_kept_plan
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, WRITES
from intacct_protocol.errors import SettingsError

_PLAN = click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
AS_MADE: dict[str, Any] = {
    "batch_size": 100,
    "atomic": False,
    "on_error": "continue",
    "settle_after": None,
    "track": (),
}
"""The options of sending, for plans that bring their own."""
_LEAST_DIGITS = 12


@command_group(
    "plan",
    section=WRITE,
    place=3,
    short_help="Show, approve and apply a saved plan.",
    no_args_is_help=True,
)
def plan_command() -> None:
    """Look at a kept plan, approve it, and apply it.

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

    with context.open_outbox() as outbox:
        return run_kept_plan(context, outbox, plan, dict(AS_MADE), only_plan=True, yes=False)


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
    from intacct_bridge.apps.views.approval import show_kept
    from intacct_bridge.load.approval.admission import approval_problem, confirmed_plan
    from intacct_bridge.load.approval.approvals import approve, made_plan
    from intacct_bridge.load.approval.plan_folder import plan_file
    from intacct_bridge.load.plan.plan_file import open_plan
    from intacct_bridge.machine.account import account_name

    with context.open_outbox() as outbox:
        plan = plan_file(plan, outbox)
        kept = open_plan(plan)
        made = made_plan(kept, context.client, outbox)
        now = confirmed_plan(kept, made, context.client, outbox)
        if not context.console.as_json:
            problem = approval_problem(made, context.connection, outbox)
            show_kept(now, made, outbox.approvals(made.id), context.console, problem=problem)
        if digest is not None:
            _check_digest(digest, made.digest)
        elif not context.console.confirm(f"Approve {made.id} as {account_name()}?"):
            raise SettingsError("Nothing was approved.", fix=f"Answer yes, or pass --digest {made.digest[:12]}")
        valid_for = timedelta(hours=hours)
        given = approve(now, context.client, outbox, person=account_name(), valid_for=valid_for)
    if context.console.as_json:
        facts = {"id": given.plan, "digest": given.digest, "by": given.person}
        context.console.json({**facts, "at": given.at, "until": given.expires_at})
        return
    context.console.result(f"{given.plan} is approved by {given.person} until {given.expires_at:%Y-%m-%d %H:%M} UTC")
    next_step(context, plan, approved=True)


def _check_digest(given: str, digest: str) -> None:
    text = given.strip().lower()
    if len(text) < _LEAST_DIGITS or not digest.startswith(text):
        raise SettingsError(
            f"the plan has the digest {digest}, not {given}",
            fix=f"Look at the plan, and pass at least {_LEAST_DIGITS} digits of its digest.",
        )


@plan_command.command("apply", exits=WRITES)
@_PLAN
@number_option("--settle-after", SETTLE_AFTER, metavar="S")
@click.option("--track", metavar="FIELD", multiple=True, help="Store this field's value in the outbox. Repeatable.")
@click.option("--yes", is_flag=True, help="Do not ask before writing to a production company. This approves nothing.")
@shared_options(prints_table=True)
def apply_command(context: CommandContext, *, plan: Path, yes: bool, **options: Any) -> int:
    """Apply the plan as it was made, if its references and existing records have not changed.

    Applying it again sends only what was not sent.

    \b
    Example:
      intacct plan apply bills.plan
    """

    with context.open_outbox() as outbox:
        return run_kept_plan(context, outbox, plan, {**AS_MADE, **options}, only_plan=False, yes=yes)
