"""Dead letters: the watches of a connection, and the events that a receiver did not take; replay or skip them."""

from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.web.lists import Column, listed
from intacct_bridge.apps.web.pages import Page, PageRequest, PageView, Redirect, address
from intacct_bridge.operations.connections import listed_connections
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_bridge.operations.watch import (
    DeadLetter,
    WatchStatus,
    dead_letters,
    has_watches,
    replay,
    skip,
    watch_statuses,
)
from intacct_protocol.errors import IntacctError, SettingsError

_EVERY = 1_000_000
_COLUMNS = (
    Column("number", "Event"),
    Column("watch", "Watch"),
    Column("key", "Record"),
    Column("kind", "Change"),
    Column("attempts", "Attempts", is_number=True),
    Column("error", "Last error"),
)


def show(request: PageRequest) -> PageView:
    """The watches of a connection, and their dead letters."""
    names = [listed.name for listed in listed_connections()]
    name = request.query.get("connection") or request.app.proposed_connection or (names[0] if names else "")
    watches: tuple[WatchStatus, ...] = ()
    letters: tuple[DeadLetter, ...] = ()
    problem: dict[str, str] = {}
    try:
        if name:
            with RecordedRun(connection=name, command="watch status", person=request.person) as run:
                if has_watches(run.connection):
                    watches = watch_statuses(run.connection)
                    letters = dead_letters(run.connection, limit=_EVERY)
    except IntacctError as error:
        problem = described(error)
    data = {
        "names": names,
        "chosen": name,
        "watches": [
            {
                "watch": one.name,
                "receiver": one.receiver,
                "polled": one.polled_at.isoformat() if one.polled_at else "",
                **one.counts,
            }
            for one in watches
        ],
        "problem": problem,
    }
    return PageView("dead_letters.html", data | listed(request, "letters", _COLUMNS, letters, DeadLetter.to_dict))


def replay_chosen(request: PageRequest) -> Redirect:
    """Let the chosen events be delivered again."""
    with _run(request, "watch replay") as run:
        result = replay(run.connection, _numbers(request), as_of_then=request.checked("as-of-then"))
    if result.outdated:
        number, later = next(iter(result.outdated.items()))
        raise SettingsError(
            f"event {number}: a later state of {later.object} {later.key} was delivered (event {later.number})",
            fix="Tick the box that sends the older state anyway, or give the event up.",
        )
    return _done(request, "The events are delivered again by the next run of their watch.")


def skip_chosen(request: PageRequest) -> Redirect:
    """Give the chosen events up."""
    with _run(request, "watch skip") as run:
        result = skip(run.connection, _numbers(request))
    if result.refused:
        raise SettingsError(f"event {result.refused[0]} neither waits nor is a dead letter")
    return _done(request, "The events are given up.")


def _run(request: PageRequest, command: str) -> RecordedRun:
    return RecordedRun(connection=request.field("connection") or None, command=command, person=request.person)


def _numbers(request: PageRequest) -> list[int]:
    numbers = request.fields("number")
    if not numbers or not all(number.isascii() and number.isdecimal() for number in numbers):
        raise SettingsError("No event is chosen.", fix="Tick the events.")
    return [int(number) for number in numbers]


def _done(request: PageRequest, notice: str) -> Redirect:
    return request.redirect(address("dead-letters", connection=request.field("connection")), notice=notice)


PAGES = (
    Page(
        "/dead-letters",
        "Dead letters",
        show,
        nav="Dead letters",
        actions={"replay": replay_chosen, "skip": skip_chosen},
    ),
)
