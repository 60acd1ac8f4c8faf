"""The job `load`: a file becomes a plan, and the plan, when it is applied, becomes receipts."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.apps.terminal.command_context import CommandContext
from intacct_bridge.apps.terminal.exit_statuses import FAILURES
from intacct_bridge.apps.views.applying import apply_and_show, json_document
from intacct_bridge.apps.views.saved_plans import (
    apply_saved_plan,
    approval_hint,
    show_saved_plan,
    tell_where_saved,
)
from intacct_bridge.operations.job_settings import LoadSettings, declared_settings
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.apps.views.applying import ShownPlan
    from intacct_bridge.operations.plans import ApplyOptions, Plan, RecordOutcome

_SENDING = frozenset({"batch_size", "atomic", "on_error"})
"""How records are sent. A saved plan has its own, and refuses others."""
_OF_SAVED_PLAN = _SENDING | {"from_plan", "only_plan", "settle_after", "track", "yes"}
"""What a load of a saved plan takes. All else shapes a plan, and a saved one was made with its own."""


def load(context: CommandContext, settings: LoadSettings) -> int:
    """Plan each file and show the plan, or apply it and show its receipts."""
    from intacct_bridge.apps.terminal.memory import relax_gc
    from intacct_bridge.operations.loads import plan_loads, requested_load
    from intacct_bridge.operations.plans import ApplyOptions, SendOptions, refuse_without_plan

    _check_options(context, settings)
    if settings.new and len(settings.files) > 1:
        raise SettingsError("--new names rows of one file, and several are given", fix="load that file alone")
    _check_outputs(settings)
    relax_gc()
    sending = SendOptions(settings.batch_size, settings.atomic, settings.on_error == "stop")
    if settings.from_plan is not None:
        chosen = sending if settings.written & _SENDING else None
        if settings.only_plan:
            return show_saved_plan(context, settings.from_plan, chosen)
        return apply_saved_plan(
            context,
            settings.from_plan,
            sending=chosen,
            settle_after=settings.settle_after,
            track=settings.track,
            yes=settings.yes,
        )
    if not settings.only_plan:
        refuse_without_plan(context.connection, fix=approval_hint(context))
    waits = None if settings.settle_after is None else timedelta(seconds=settings.settle_after)
    apply = ApplyOptions(sending=sending, settle_after=waits, tracked=settings.track, skip_refused=True)
    work = _FileLoad(context, apply, settings)
    with context.open_outbox(), json_document(context, context.output) as results:
        requests = (requested_load(settings, file, in_flow=bool(context.flow)) for file in settings.files)
        status = max([work.finish(plan, results) for plan in plan_loads(context, requests)])
    if settings.only_plan and settings.out is None and not context.output.as_json:
        _tell_next(context, [plan for plan, _ in results])
    return status


@dataclass(frozen=True, slots=True)
class _FileLoad:
    """What is done with each file."""

    context: CommandContext
    apply: "ApplyOptions"
    settings: LoadSettings

    def finish(self, plan: "Plan", results: "list[ShownPlan]") -> int:
        """Save, show or apply the plan of one file. Refused rows are written, even if an error ends the load."""
        from intacct_bridge.apps.views.load import show_plan
        from intacct_bridge.operations.plans import save_plan

        context, settings = self.context, self.settings
        saved = None
        if settings.out is not None:
            saved = save_plan(context, plan, settings.out, sending=self.apply.sending)
        outcomes: list[RecordOutcome] = []
        try:
            if settings.only_plan:
                context.note_choice()
                results.append((plan, None))
                if not context.output.as_json:
                    show_plan(plan, context.output)
                status = FAILURES if plan.refused else 0
            else:
                status = apply_and_show(
                    context, context.output, plan, self.apply, outcomes, yes=settings.yes, results=results
                )
        finally:
            if settings.refused is not None:
                _write_refused(context, plan, outcomes, settings.refused)
        if saved is not None:
            tell_where_saved(context, saved, applied=not settings.only_plan)
        return status


def _write_refused(context: CommandContext, plan: "Plan", outcomes: "Sequence[RecordOutcome]", path: Path) -> None:
    """Write the rows that the plan or Intacct refused to the file that the user names."""
    from intacct_bridge.operations.loads import write_refused_rows

    count = write_refused_rows(plan, outcomes, path)
    if count:
        context.recorder.add_file(path)
        context.output.say(f"{counted(count, 'refused row')} in {path}, each with its reason")
    elif path.exists():
        context.output.say(f"No row is refused; {path} is from an earlier run.")


def _tell_next(context: CommandContext, plans: "Sequence[Plan]") -> None:
    """Say that nothing was sent, and which command goes on."""
    if context.connection.needs_approval:
        context.output.say("Nothing was sent. To have the plan approved, save it with --out PLAN.")
        return
    words = shlex.join(word for word in context.arguments if word != "--plan")
    applicable = any(plan.to_send for plan in plans)
    context.output.say(f"Nothing was sent.{f' To apply the plan: intacct {words} --apply' if applicable else ''}")


def _check_options(context: CommandContext, settings: LoadSettings) -> None:
    if settings.from_plan is not None and settings.files:
        raise SettingsError("--from-plan already contains the records", fix="leave FILE out")
    if settings.from_plan is None and not settings.files:
        raise SettingsError("Missing argument FILE.", fix="name a file, or a plan with --from-plan")
    if settings.files and not settings.as_name and settings.map_file is None:
        raise _no_layout(context, settings)
    if settings.from_plan is not None:
        names = declared_settings(LoadSettings)
        shaping = [names[name].name for name in names if name in settings.written - _OF_SAVED_PLAN]
        if shaping:
            message = f"a saved plan is applied as it was made, without --{shaping[0]}"
            raise SettingsError(message, fix="plan the file again")


def _no_layout(context: CommandContext, settings: LoadSettings) -> SettingsError:
    """The error for a file of which no option says what it holds, with the command if its columns say it."""
    from intacct_bridge.operations.loads import proposed_layout, requested_load, unnamed_layout

    request = requested_load(settings, settings.files[0], in_flow=bool(context.flow))
    error, proposal = unnamed_layout(request), proposed_layout(request)
    if proposal is None or context.flow:
        return error
    words = shlex.join(["intacct", *context.arguments, "--as", proposal.layout])
    constants = "".join(f" --set {shlex.quote(column.name)}=…" for column in proposal.missing)
    return SettingsError(str(error), fix=f"{words}{constants}")


def _check_outputs(settings: LoadSettings) -> None:
    """Refuse an output of several files, or one that would replace an input of the load or its other output."""
    files, out, refused = settings.files, settings.out, settings.refused
    if out is not None and len(files) > 1:
        raise SettingsError("--out saves the plan of one file", fix="plan the files one by one")
    if refused is not None and len(files) > 1:
        raise SettingsError("--refused keeps the rows of one file", fix="load the files one by one")
    used = [path for path in (*files, settings.map_file) if path is not None]
    for name, path in (("out", out), ("refused", refused)):
        if path is None:
            continue
        if any(_same_file(path, other) for other in used):
            raise SettingsError(f"--{name} would replace {path}, which this load needs", fix="name another file")
        used.append(path)


def _same_file(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))
