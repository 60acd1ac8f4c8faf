"""The outbox: search, one entry with its history; settle, resolve and retry what is open; take back what was posted."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.pages.postings.plans import refuse_missing_outbox
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.web.jobs import BackgroundJob
from intacct_bridge.apps.web.lists import Column, listed
from intacct_bridge.apps.web.pages import (
    NotFoundError,
    Page,
    PageRequest,
    PageView,
    Redirect,
    address,
)
from intacct_bridge.connections.demo_company import listed_connections
from intacct_protocol.errors import IntacctError, SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.outbox import FoundEntries, OutboxEntry
    from intacct_bridge.operations.recorded_run import RecordedRun

_STATES = ("in_doubt", "rejected", "not_sent", "aborted", "sent", "planned", "applied", "released")
_KINDS = {"applied": "good", "in_doubt": "bad", "rejected": "bad", "aborted": "bad", "released": "quiet"}
_COLUMNS = (
    Column("number", "Entry"),
    Column("state", "State"),
    Column("record", "Record"),
    Column("amount", "Amount", is_number=True),
    Column("receipt", "In Intacct"),
    Column("last_sent", "Sent (UTC)"),
    Column("by", "By"),
    Column("source", "Source"),
)


def show(request: PageRequest) -> PageView:
    """The entries of a connection's company that match, the latest first."""
    name = _chosen(request)
    data: dict[str, Any] = {
        "names": [one.name for one in listed_connections()],
        "chosen": name,
        "states": [(one, one.replace("_", " ")) for one in _STATES],
        "asked": {key: request.query.get(key, "") for key in ("state", "object", "find", "run", "since", "until")},
        "sums": [],
        "kinds": _KINDS,
        "problem": {},
    }
    entries: Sequence[OutboxEntry] = ()
    if name:
        try:
            matches = _matches(request, name)
            entries, data["sums"] = matches.entries, [total.to_dict() for total in matches.sums]
        except NotFoundError:
            pass
        except IntacctError as error:
            data["problem"] = described(error)
    rows = listed(request, "entries", _COLUMNS, reversed(entries), _row, is_searched=True)
    return PageView("outbox.html", data | rows)


def _row(entry: "OutboxEntry") -> dict[str, Any]:
    from intacct_bridge.operations.outbox import amount_text, facts

    return {**facts(entry), "shown_amount": amount_text(entry, grouped=True)}


def _chosen(request: PageRequest) -> str:
    names = [one.name for one in listed_connections()]
    return request.query.get("connection") or request.app.proposed_connection or (names[0] if names else "")


def _matches(request: PageRequest, name: str) -> "FoundEntries":
    from intacct_bridge.operations.outbox import EntryQuery, RecordStatus, find_entries

    parameters = request.query
    state = parameters.get("state", "")
    if state and state not in _STATES:
        raise SettingsError(f"There is no state {state!r}.", fix=f"Choose one of {', '.join(_STATES)}.")
    query = EntryQuery(
        statuses=(RecordStatus(state),) if state else (),
        object=parameters.get("object", ""),
        text=parameters.get("find", ""),
        since=_day(parameters.get("since")),
        until=_day(parameters.get("until")),
        run=parameters.get("run", ""),
    )
    with request.run(name, "outbox list") as run:
        refuse_missing_outbox(run)
        return find_entries(run, query)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise SettingsError(f"{text!r} is not a valid date.", fix="Write it as 2026-01-31.") from None


def show_entry(request: PageRequest) -> PageView:
    """One entry with every state that it had, and what can be done with it."""
    from intacct_bridge.apps.views.outbox_entries import entry_facts
    from intacct_bridge.operations.outbox import NoEntryError, propose_records
    from intacct_bridge.operations.outbox import show_entry as entry_detail

    name, number = request.params["connection"], _entry_number(request)
    with request.run(name, "outbox show") as run:
        refuse_missing_outbox(run)
        try:
            detail = entry_detail(run, number)
        except NoEntryError as error:
            raise NotFoundError(f"{error.message}.", fix="Search the outbox.") from None
        entry = detail.entry
        facts = entry_facts(detail, grouped=True)
        state = entry.status.value
        looks_for_candidates = state == "in_doubt" and "candidates" in request.query
        proposals = propose_records(run, [entry]) if looks_for_candidates else ()
    data = {
        "connection": name,
        "number": number,
        "kind": _KINDS.get(state, "quiet"),
        "state": state,
        "facts": {key: value for key, value in facts.items() if value not in ("", None, [])},
        "history": [
            {
                "at": event.at[:19].replace("T", " "),
                "status": event.status,
                "attempt": event.attempt,
                "user": event.user,
                "note": event.note,
            }
            for event in detail.history
        ],
        "decisions": [decision.to_dict() for decision in detail.decisions],
        "asked": looks_for_candidates,
        "candidates": [
            {
                "record": proposal.record,
                "label": proposal.label,
                "same_key": proposal.has_key,
                "created": f"{proposal.created:%Y-%m-%d %H:%M}" if proposal.created else "",
                "by": proposal.creator,
            }
            for proposal in proposals
        ],
        "key": request.query.get("key", ""),
        "may_settle": state == "in_doubt",
        "may_retry": state in ("rejected", "not_sent", "aborted", "planned"),
        "may_undo": state == "applied",
        "production": _environment(request, name) == "production",
        "run": entry.loader,
    }
    return PageView("outbox_entry.html", data, title=f"Entry {number}")


def _environment(request: PageRequest, name: str) -> str:
    """The environment of a connection."""
    with request.run(name, "outbox show") as run:
        return run.connection.environment


def _entry_number(request: PageRequest) -> int:
    text = request.params["number"]
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise NotFoundError(f"There is no entry {text}.", fix="Search the outbox.")
    return int(text)


def settle(request: PageRequest) -> Redirect:
    """Find out whether a record in doubt was applied; it is sent again only if it provably was not."""
    from intacct_bridge.operations import outbox

    return _carry_out(request, "outbox settle", "Settle", outbox.settle)


def retry(request: PageRequest) -> Redirect:
    """Send a refused or unsent record again, unchanged."""
    from intacct_bridge.operations import outbox

    return _carry_out(request, "outbox retry", "Send again", outbox.retry)


def _carry_out(
    request: PageRequest,
    command: str,
    title: str,
    operation: "Callable[[RecordedRun, Sequence[int]], Sequence[OutboxEntry]]",
) -> Redirect:
    name, number = request.params["connection"], _entry_number(request)
    if _environment(request, name) == "production" and not request.checked("production"):
        raise SettingsError(
            "The record may be sent to a production company.", fix="Tick the box beside the button if it should."
        )

    def work(job: BackgroundJob) -> None:
        from intacct_bridge.apps.views.outbox_entries import exit_status

        job.result = address("outbox", name, str(number))
        with job.company(name, command) as run:
            entries = operation(run, [number])
            run.status = exit_status(entries)
            for entry in entries:
                run.messages.say(f"{entry.number} {entry.label}: {entry.status.value}")
        job.stop_if_asked()
        if run.status:
            raise SettingsError("The record is not in Intacct.", fix="Its entry says why.")

    return request.start(f"{title} entry {number}", work)


def resolve(request: PageRequest) -> Redirect:
    """Decide, in the name of the person, whether a record in doubt was posted."""
    name, number = request.params["connection"], _entry_number(request)
    key, because = request.field("key"), request.field("because")
    if not because:
        raise SettingsError("A reason is missing.", fix="Say why; the outbox keeps it.")
    decision = request.field("decision")
    if decision not in ("posted", "not-posted"):  # a record that is not posted may be sent again: never by default
        raise SettingsError("There is no decision.", fix="Say whether Intacct has the record.")
    if decision == "posted" and not key:
        raise SettingsError("The record's key is missing.", fix="Give its record number or its natural key.")
    from intacct_bridge.operations import outbox

    with request.run(name, "outbox resolve") as run:
        outbox.resolve(run, number, posted_as=key if decision == "posted" else None, because=because)
    return request.redirect(address("outbox", name, str(number)), notice=f"Entry {number} is resolved.")


def undo(request: PageRequest) -> Redirect:
    """Make the plan that takes an entry back."""
    return plan_to_undo(request, request.params["connection"], numbers=(_entry_number(request),))


def plan_to_undo(
    request: PageRequest, name: str, *, numbers: tuple[int, ...] = (), runs: tuple[str, ...] = ()
) -> Redirect:
    """Save the plan that takes entries back, or what runs posted, and go to its page."""
    from intacct_bridge.operations.plans import save_plan
    from intacct_bridge.operations.undo import UndoRequest
    from intacct_bridge.operations.undo import plan_undo as plan_it

    what = f"run {runs[0]}" if runs else f"entry {numbers[0]}"
    undo_request = UndoRequest(
        runs=runs,
        entries=numbers,
        day=_day(request.field("date")),
        delete=request.checked("delete"),
        memo=request.field("memo"),
    )
    with request.run(name, "undo") as run:
        refuse_missing_outbox(run)
        undo = plan_it(run, undo_request)
        if undo.plan is None:
            reasons = [f"{one.entry.number} {one.entry.label}: {one.reason}" for one in (*undo.refused, *undo.left)]
            why = "; ".join(reasons) or "nothing of it is in Intacct"
            raise SettingsError(f"The {what} cannot be taken back: {why}.", fix="Look at its entries in the outbox.")
        saved = save_plan(run, undo.plan)
    return request.redirect(address("plans", name, saved.id), notice=f"This plan takes back {what}. Nothing was sent.")


PAGES = (
    Page("/outbox", "Outbox", show, nav="Outbox"),
    Page(
        "/outbox/{connection}/{number}",
        "Entry",
        show_entry,
        actions={"settle": settle, "retry": retry, "resolve": resolve, "undo": undo},
    ),
)
