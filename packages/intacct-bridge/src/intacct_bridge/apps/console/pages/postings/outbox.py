"""The outbox: search, one entry with its history; settle, resolve and retry what is open; take back what was posted."""

from datetime import date
from typing import Any

from intacct_bridge.apps.console.pages.postings.plans import existing_outbox
from intacct_bridge.apps.console.site import command_data, command_work
from intacct_bridge.apps.console.visit import ConsolePage, Download, NotFoundError, PageView, Redirect, Visit, address
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.connections.demo_company import listed_connections
from intacct_protocol.errors import IntacctError, SettingsError

_SHOWN = 100
_STATES = ("in_doubt", "rejected", "not_sent", "aborted", "sent", "planned", "applied", "released")
_KINDS = {"applied": "good", "in_doubt": "bad", "rejected": "bad", "aborted": "bad", "released": "quiet"}
_COLUMNS = (
    "number", "state", "record", "operation", "outcome", "amount", "currency", "receipt", "last_sent", "by", "source",
)  # fmt: skip


def show(visit: Visit) -> PageView:
    """The entries of a connection's company that match, the latest first."""
    name = _chosen(visit)
    data: dict[str, Any] = {
        "names": [one.name for one in listed_connections()],
        "chosen": name,
        "states": [(one, one.replace("_", " ")) for one in _STATES],
        "asked": {key: visit.query.get(key, "") for key in ("state", "object", "find", "run", "since", "until")},
        "entries": [],
        "total": 0,
        "sums": [],
        "kinds": _KINDS,
        "problem": {},
    }
    if name:
        try:
            data |= _found(visit, name)
        except NotFoundError:
            pass
        except IntacctError as error:
            data["problem"] = described(error)
    return PageView("outbox.html", data)


def _chosen(visit: Visit) -> str:
    names = [one.name for one in listed_connections()]
    return visit.query.get("connection") or visit.site.settings.connection or (names[0] if names else "")


def _found(visit: Visit, name: str) -> dict[str, Any]:
    from intacct_bridge.load.outbox.audit import EntryFilter, amount_text, facts, sums
    from intacct_bridge.load.records.status import RecordStatus
    from intacct_bridge.load.target.target_company import TargetCompany

    asked = visit.query
    state = asked.get("state", "")
    if state and state not in _STATES:
        raise SettingsError(f"There is no state {state!r}.", fix=f"Choose one of {', '.join(_STATES)}.")
    wanted = EntryFilter(text=asked.get("find", ""), since=_day(asked.get("since")), until=_day(asked.get("until")))
    with visit.company(name, "outbox list") as context, existing_outbox(context) as outbox:
        company = TargetCompany.of(context.connection).company
        found = outbox.entries(
            company=company,
            statuses=[RecordStatus(state)] if state else (),
            object=asked.get("object", "").upper() or None,
        )
        run = asked.get("run", "")
        entries = [one for one in found if wanted(one) and one.loader.startswith(run)]
    totals = [
        {"currency": one.currency, "debit": one.debit, "credit": one.credit, "amount": one.amount}
        for one in sums(entries)
    ]
    shown = [
        {column: facts(one)[column] for column in _COLUMNS} | {"shown_amount": amount_text(one, grouped=True)}
        for one in reversed(entries[-_SHOWN:])
    ]
    return {"entries": shown, "total": len(entries), "sums": totals}


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise SettingsError(f"{text!r} is not a valid date.", fix="Write it as 2026-01-31.") from None


def show_entry(visit: Visit) -> PageView:
    """One entry with every state that it had, and what can be done with it."""
    from intacct_bridge.apps.cli.postings.outbox_decisions import proposed
    from intacct_bridge.apps.views.outbox_entries import entry_facts
    from intacct_bridge.load.outbox.reader import NoEntryError

    name, number = visit.params["connection"], _number(visit)
    with visit.company(name, "outbox show") as context, existing_outbox(context) as outbox:
        try:
            entry = outbox.entry(number)
        except NoEntryError as error:
            raise NotFoundError(f"{error.message}.", fix="Search the outbox.") from None
        facts = entry_facts(entry, outbox.earlier_values(entry) or {}, grouped=True)
        history = [dict(event) for event in outbox.history(entry)]
        decisions = outbox.decisions(entry)
        state = entry.status.value
        asked = state == "in_doubt" and "candidates" in visit.query
        found = proposed(context, outbox, [entry]) if asked else []
    data = {
        "connection": name,
        "number": number,
        "kind": _KINDS.get(state, "quiet"),
        "state": state,
        "facts": {key: value for key, value in facts.items() if value not in ("", None, [])},
        "history": [
            {
                "at": str(event.get("at", ""))[:19].replace("T", " "),
                **{key: event[key] for key in ("status", "attempt", "user", "note") if key in event},
            }
            for event in history
        ],
        "decisions": [{key: str(value) for key, value in one.items()} for one in decisions],
        "asked": asked,
        "candidates": [
            {
                "record": one.record,
                "label": one.label,
                "same_key": one.has_key,
                "created": f"{one.created:%Y-%m-%d %H:%M}" if one.created else "",
                "by": one.creator,
            }
            for one in found
        ],
        "key": visit.query.get("key", ""),
        "may_settle": state == "in_doubt",
        "may_retry": state in ("rejected", "not_sent", "aborted", "planned"),
        "may_undo": state == "applied",
        "production": visit_environment(visit, name) == "production",
        "run": entry.loader,
    }
    return PageView("outbox_entry.html", data, title=f"Entry {number}")


def visit_environment(visit: Visit, name: str) -> str:
    """The environment of a connection."""
    with visit.company(name, "outbox show") as context:
        return context.connection.environment


def _number(visit: Visit) -> int:
    text = visit.params["number"]
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise NotFoundError(f"There is no entry {text}.", fix="Search the outbox.")
    return int(text)


def settle(visit: Visit) -> Redirect:
    """Find out whether a record in doubt was applied; it is sent again only if it provably was not."""
    return _carry_out(visit, "settle", "Settle")


def retry(visit: Visit) -> Redirect:
    """Send a refused or unsent record again, unchanged."""
    return _carry_out(visit, "retry", "Send again")


def _carry_out(visit: Visit, command: str, title: str) -> Redirect:
    name, number = visit.params["connection"], _number(visit)
    if visit_environment(visit, name) == "production" and not visit.checked("production"):
        raise SettingsError(
            "The record may be sent to a production company.", fix="Tick the box beside the button if it should."
        )
    words = ["outbox", command, str(number), f"--connection={name}", "--yes"]
    work = command_work(visit.site, words, result=address("outbox", name, str(number)))
    return visit.start(f"{title} entry {number}", work)


def resolve(visit: Visit) -> Redirect:
    """Decide, in the name of the person, whether a record in doubt was posted."""
    name, number = visit.params["connection"], _number(visit)
    key, because = visit.field("key"), visit.field("because")
    if not because:
        raise SettingsError("A reason is missing.", fix="Say why; the outbox keeps it.")
    decision = visit.field("decision")
    if decision not in ("posted", "not-posted"):  # a record that is not posted may be sent again: never by default
        raise SettingsError("There is no decision.", fix="Say whether Intacct has the record.")
    if decision == "posted" and not key:
        raise SettingsError("The record's key is missing.", fix="Give its record number or its natural key.")
    decided = f"--posted-as={key}" if decision == "posted" else "--not-posted"
    words = ["outbox", "resolve", str(number), decided, f"--because={because}", f"--person={visit.person}"]
    command_data(visit.site, [*words, f"--connection={name}"], person=visit.person)
    return visit.redirect(address("outbox", name, str(number)), notice=f"Entry {number} is resolved.")


def undo(visit: Visit) -> Redirect:
    """Make the plan that takes an entry back."""
    return plan_to_undo(visit, visit.params["connection"], numbers=(_number(visit),))


def plan_to_undo(visit: Visit, name: str, *, numbers: tuple[int, ...] = (), runs: tuple[str, ...] = ()) -> Redirect:
    """Keep the plan that takes entries back, or what runs posted, and go to its page."""
    from intacct_bridge.apps.cli.postings.undo import chosen_entries
    from intacct_bridge.load.approval.approvals import keep_plan
    from intacct_bridge.load.approval.plan_folder import PlanFolder
    from intacct_bridge.load.plan.plan import SendOptions
    from intacct_bridge.load.undo.undo import UndoSettings, plan_undo

    what = f"run {runs[0]}" if runs else f"entry {numbers[0]}"
    with visit.company(name, "undo") as context, existing_outbox(context) as outbox:
        outbox.recover()
        entries = chosen_entries(context, outbox, None, runs, numbers)
        day = _day(visit.field("date")) or context.client.company_time.date()
        settings = UndoSettings(day, visit.checked("delete"), visit.field("memo"))
        found = plan_undo(context.client, outbox, entries, settings, source=f"undo of {what}")
        reasons = [f"{one.entry.number} {one.entry.label}: {one.reason}" for one in (*found.refused, *found.left)]
        if found.refused or found.plan is None:
            why = "; ".join(reasons) or "nothing of it is in Intacct"
            raise SettingsError(f"The {what} cannot be taken back: {why}.", fix="Look at its entries in the outbox.")
        kept = keep_plan(found.plan, context.client, outbox, SendOptions(), person=visit.person)
        PlanFolder(outbox).save(kept)
    assert kept.origin is not None
    return visit.redirect(
        address("plans", name, kept.origin.id), notice=f"This plan takes back {what}. Nothing was sent."
    )


def export(visit: Visit) -> Download:
    """Every entry that matches, with all values, as CSV."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from intacct_bridge.load.outbox.audit import EntryFilter
    from intacct_bridge.load.outbox.audit import export as write_export
    from intacct_bridge.load.target.target_company import TargetCompany

    name = visit.params["connection"]
    wanted = EntryFilter(text=visit.query.get("find", ""))
    with (
        visit.company(name, "outbox list") as context,
        existing_outbox(context) as outbox,
        TemporaryDirectory() as made,
    ):
        company = TargetCompany.of(context.connection).company
        path = Path(made) / "outbox.csv"
        write_export((one for one in outbox.entries(company=company) if wanted(one)), path)
        return Download(f"outbox-{name}.csv", path.read_bytes(), "text/csv")


PAGES = (
    ConsolePage("/outbox", "Outbox", show, nav="Outbox"),
    ConsolePage("/outbox/{connection}/entries.csv", "Entries", export, is_file=True),
    ConsolePage(
        "/outbox/{connection}/{number}",
        "Entry",
        show_entry,
        actions={"settle": settle, "retry": retry, "resolve": resolve, "undo": undo},
    ),
)
