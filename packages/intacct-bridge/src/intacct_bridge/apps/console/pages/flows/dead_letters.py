"""Dead letters: the watches of a connection, and the events that a receiver did not take; replay or skip them."""

from typing import Any

from intacct_bridge.apps.console.site import command_data, run_command
from intacct_bridge.apps.console.visit import ConsolePage, PageView, Redirect, Visit, address
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.connections.demo_company import listed_connections
from intacct_protocol.errors import IntacctError, SettingsError

_MOST = 100


def show(visit: Visit) -> PageView:
    """The watches of a connection, and their dead letters."""
    names = [one.name for one in listed_connections()]
    name = visit.query.get("connection") or visit.site.settings.connection or (names[0] if names else "")
    watches: list[Any] = []
    letters: list[Any] = []
    problem: dict[str, str] = {}
    try:
        if name and _has_log(visit, name):
            chosen = [f"--connection={name}"]
            watches = command_data(visit.site, ["watch", "status", *chosen], person=visit.person) or []
            letters = (
                command_data(visit.site, ["watch", "dead", f"--limit={_MOST}", *chosen], person=visit.person) or []
            )
    except IntacctError as error:
        problem = described(error)
    data = {"names": names, "chosen": name, "watches": watches, "letters": letters, "problem": problem}
    return PageView("dead_letters.html", data)


def _has_log(visit: Visit, name: str) -> bool:
    """Whether a watch has run on the connection."""
    from intacct_bridge.apps.cli.changes.logged_events import has_event_log

    with visit.company(name, "watch status") as context:
        return has_event_log(context.connection)


def replay(visit: Visit) -> Redirect:
    """Let the chosen events be delivered again."""
    more = ["--as-of-then"] if visit.checked("as-of-then") else []
    return _decide(visit, "replay", "The events are delivered again by the next run of their watch.", more)


def skip(visit: Visit) -> Redirect:
    """Give the chosen events up."""
    return _decide(visit, "skip", "The events are given up.")


def _decide(visit: Visit, command: str, notice: str, more: "list[str] | None" = None) -> Redirect:
    numbers = visit.fields("number")
    if not numbers or not all(one.isascii() and one.isdecimal() for one in numbers):
        raise SettingsError("No event is chosen.", fix="Tick the events.")
    name = visit.field("connection")
    run_command(visit.site, ["watch", command, *numbers, *(more or []), f"--connection={name}"], person=visit.person)
    return visit.redirect(address("dead-letters", connection=name), notice=notice)


PAGES = (
    ConsolePage("/dead-letters", "Dead letters", show, nav="Dead letters", actions={"replay": replay, "skip": skip}),
)
