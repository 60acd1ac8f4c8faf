"""`intacct reverse`, `void`, `approve`, `decline`, `recall`: what Intacct does to a whole record, one at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import WRITE, command
from intacct_bridge.apps.cli.context import CommandContext, day_option, shared_options
from intacct_bridge.apps.cli.postings.records import BY, OUT, YES
from intacct_bridge.apps.terminal.exit_statuses import WRITES
from intacct_protocol.model.writing.actions import ACTIONS, objects_of

if TYPE_CHECKING:
    from datetime import datetime

    from intacct_bridge.operations.records import KeyKind

_ABOUT = {
    "reverse": "Reverse a posted record on a day: Intacct enters its opposite.",
    "void": "Void a payment request. A posted payment is reversed.",
    "approve": "Approve a record that waits for approval in Intacct.",
    "decline": "Decline a record that waits for approval in Intacct.",
    "recall": "Take back the submission of a record: it becomes a draft.",
}
_SENTENCES = {
    "reverse": "Reverse a posted bill, invoice, payment, ... on a day.",
    "void": "Void a payment request.",
    "approve": "Approve a record that waits for approval.",
    "decline": "Decline a record that waits for approval.",
    "recall": "Make a submitted bill a draft again.",
}
_EXAMPLES = {
    "reverse": "reverse APBILL 7295 --date 2026-11-30",
    "void": "void APPYMT 8101",
    "approve": "approve APBILL 7295",
    "decline": 'decline PODOCUMENT "Purchase Order-PO0001" --comment "over budget"',
    "recall": "recall APBILL 7295",
}


def _command(operation: str) -> click.Command:
    dated = any(one.dated for one in ACTIONS.values() if one.operation == operation)
    texts = any(one.comment for one in ACTIONS.values() if one.operation == operation)

    def run(context: CommandContext, *, object_name: str, key: str, by: "KeyKind", yes: bool, **options: Any) -> int:
        return _act(context, operation, object_name.upper(), key, by=by, yes=yes, **options)

    run.__doc__ = (
        f"{_ABOUT[operation]}\n\nOBJECT is one of {', '.join(objects_of(operation))}.\n\n"
        f"\b\nExample:\n  intacct {_EXAMPLES[operation]}\n"
    )
    wrapped: Callable[..., Any] = shared_options(prints_table=True)(run)
    if texts:
        wrapped = click.option("--comment", metavar="TEXT", default="", help="Give Intacct a reason.")(wrapped)
    if dated:
        wrapped = day_option("--date", "Reverse on this day (default: today).")(wrapped)
    for option in (YES, OUT, BY, click.argument("key"), click.argument("object_name", metavar="OBJECT")):
        wrapped = option(wrapped)
    return command(
        operation,
        section=WRITE,
        place=9 + list(_ABOUT).index(operation),
        short_help=_SENTENCES[operation],
        exits=WRITES,
    )(wrapped)


def _act(
    context: CommandContext,
    operation: str,
    object_name: str,
    key: str,
    *,
    by: "KeyKind",
    yes: bool,
    date: "datetime | None" = None,
    comment: str = "",
    out: Path | None = None,
) -> int:
    from intacct_bridge.apps.views.saved_plans import apply_action_plan, save_sound
    from intacct_bridge.operations.records import plan_action

    day = date.date() if date is not None else None
    with context.open_outbox():
        plan = plan_action(context, operation, object_name, key, by=by, day=day, comment=comment)
        if out is not None:
            return save_sound(context, plan, out)
        return apply_action_plan(context, plan, yes=yes)


reverse_command, void_command, approve_command, decline_command, recall_command = map(_command, _ABOUT)
