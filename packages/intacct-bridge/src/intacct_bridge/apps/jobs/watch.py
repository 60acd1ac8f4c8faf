"""The job `watch`: send every change of a record to a receiver, once or until the program is stopped."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from intacct_bridge.apps.terminal.command_context import CommandContext
from intacct_bridge.apps.terminal.exit_statuses import FAILURES
from intacct_bridge.apps.terminal.process import stoppable
from intacct_bridge.operations.job_settings import WatchSettings
from intacct_protocol.errors import InDoubtError, SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.watch import OpenWatch, WatchCost, WatchRound


def watch(context: CommandContext, settings: WatchSettings) -> int:
    """Read what changed, and deliver each change as an event."""
    from intacct_bridge.operations.watch import WatchRequest, check_cost, open_watch

    once = settings.once
    if settings.follow and once:
        raise SettingsError("--once and --follow do not go together", fix="Leave one of them out.")
    request = WatchRequest(
        streams=settings.streams,
        to=settings.to,
        kinds=[kind.lower() for kind in _names(settings.kinds)],
        where=settings.where,
        fields=_names(settings.fields),
        changed=_names(settings.changed),
        begin=settings.begin,
        baseline=settings.baseline,
        every=settings.every,
        batch=settings.batch,
        attempts=settings.attempts,
        timeout=settings.timeout,
        keep_days=settings.keep_days,
        name=settings.name,
        secret=settings.secret,
        as_name=settings.as_name,
        map_file=settings.map_file,
        key=_names(settings.key),
        yes=settings.yes,
    )
    output = context.output
    show = output.say if output.as_json else output.result  # JSON is a document of its own
    with ExitStack() as opened:
        with stoppable(output, record=context.recorder.finish):
            opened_watch = opened.enter_context(open_watch(context, request, show=show))
        _show_cost(context, opened_watch.cost, request.every, once=once)
        if not once:
            check_cost(opened_watch.cost, request)
        with stoppable(output, lambda _: opened_watch.stop(), context.recorder.finish):
            return _exit_status(context, opened_watch.once()) if once else _follow(context, opened_watch)


def _follow(context: CommandContext, watch: "OpenWatch") -> int:
    """Poll and deliver until the program is stopped, with a line and a record of the run for each poll."""
    for done in watch.follow():
        _show(context, done)
    return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _show_cost(context: CommandContext, cost: "WatchCost", every: float, *, once: bool) -> None:
    """Say what polls cost."""
    text = f"A poll in which nothing changed takes about {counted(cost.poll, 'API transaction')}"
    if once:
        context.output.detail(f"{text}.")
        return
    share = f", {cost.month / cost.allowed:.0%} of the {cost.allowed:,} in the tier" if cost.allowed else ""
    context.output.say(f"{text}: {cost.month:,} a month at one poll every {every:,.0f} s{share}.")


def _show(context: CommandContext, done: "WatchRound") -> None:
    """One line for a poll that brought something, and for deliveries."""
    polled, delivered = done.polled, done.delivered
    for stream, error in done.failures.items():
        text = f"{stream}: {error}" if stream else f"{error}; the next poll follows on schedule"
        context.output.complain(context.output.wrapped("error  ", text))
    parts = []
    if polled is not None and polled.events:
        parts.append(f"{counted(polled.events, 'change')} read")
    if delivered.delivered:
        parts.append(f"{counted(delivered.delivered, 'event')} delivered")
    if delivered.failed:
        parts.append(f"{counted(delivered.failed, 'delivery')} failed: {delivered.last_error}")
    if delivered.dead:
        parts.append(f"{counted(delivered.dead, 'dead letter')}: intacct watch dead lists them")
    if parts:
        context.output.say("; ".join(parts))
    elif polled is not None and polled.sound:
        context.output.detail(f"no changes; {counted(polled.transactions, 'API transaction')}")


def _exit_status(context: CommandContext, done: "WatchRound") -> int:
    """The end of a single poll."""
    polled, delivered = done.polled, done.delivered
    if context.output.as_json:
        context.output.json(done.to_dict())
    else:
        _show(context, done)
        if polled is not None and not polled.events and not delivered.delivered and not delivered.failed:
            context.output.say("No changes.")
    if delivered.in_doubt:
        return InDoubtError.exit_status
    return 0 if done.complete else FAILURES
