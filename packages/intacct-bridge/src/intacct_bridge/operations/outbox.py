"""The outbox: what was sent, with its receipts; what is open is settled, retried or resolved by a person."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.apply.candidates import Candidate, candidates, record_of
from intacct_bridge.load.apply.retry import retry as _retry
from intacct_bridge.load.apply.retry import settle_doubts, within_entities
from intacct_bridge.load.outbox.audit import (
    EntryFilter,
    amount_text,
    currency_text,
    facts,
    identities_of,
    local_text,
    sums,
)
from intacct_bridge.load.outbox.audit import export as _export
from intacct_bridge.load.outbox.entry import OutboxEntry, Resolution, ResolutionKind, Total, outcome_word
from intacct_bridge.load.outbox.links import keep_links
from intacct_bridge.load.outbox.move import MovedOutbox
from intacct_bridge.load.outbox.move import move_outbox as _move
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.outbox.reader import Decision, EntryEvent, NoEntryError
from intacct_bridge.load.outbox.storage import outbox_place
from intacct_bridge.load.records.status import UNAPPLIED, RecordStatus
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.operations.plans import settle_settings
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError, SettingsError
from intacct_protocol.xml.values import Value

__all__ = [
    "Candidate",
    "EntryDetail",
    "EntryQuery",
    "FoundEntries",
    "MovedOutbox",
    "NoEntryError",
    "Outbox",
    "OutboxEntry",
    "RecordStatus",
    "Resolved",
    "Total",
    "amount_text",
    "comparable",
    "currency_text",
    "export_entries",
    "facts",
    "find_entries",
    "forget",
    "has_outbox",
    "local_text",
    "move_outbox",
    "outcome_word",
    "propose_records",
    "resolve",
    "retry",
    "settle",
    "show_entry",
]

Ask = Callable[[], object]
"""Called before something may be sent. Its error stops the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryQuery:
    """Which entries are wanted; empty conditions match all."""

    statuses: tuple[RecordStatus, ...] = ()
    object: str = ""
    operation: str = ""
    user: str = ""
    source: str = ""
    """Part of the input's name, or of the position in it."""
    text: str = ""
    """Part of the record, the receipt, the identity or a tracked value."""
    since: date | None = None
    until: date | None = None
    """The last date, in UTC."""
    run: str = ""
    """The id of the run that sent them, or its beginning."""


@dataclass(frozen=True, slots=True)
class FoundEntries:
    """Entries in the order in which they were planned."""

    entries: tuple[OutboxEntry, ...]

    @property
    def sums(self) -> tuple[Total, ...]:
        """The amounts of the new records among them that Intacct has, by currency."""
        return tuple(sums(self.entries))

    def to_dict(self) -> dict[str, object]:
        """The entries, for JSON."""
        return {"entries": [facts(entry) for entry in self.entries]}


@dataclass(frozen=True, slots=True)
class EntryDetail:
    """One entry with everything that the outbox knows of it."""

    entry: OutboxEntry
    earlier: Mapping[str, Value]
    """The values that an update replaced, or the facts of the record that was deleted or acted on."""
    history: tuple[EntryEvent, ...]
    """Every status that it had, oldest first."""
    decisions: tuple[Decision, ...]
    """What people decided about it."""
    identities: tuple[dict[str, object], ...] = ()
    """Everything that its record is known by: kind, text, place, source and state."""

    def to_dict(self) -> dict[str, object]:
        """The entry, for JSON."""
        return {
            **facts(self.entry),
            "identities": list(self.identities),
            "earlier": dict(self.earlier),
            "history": [event.to_dict() for event in self.history],
            "decisions": [decision.to_dict() for decision in self.decisions],
            "body": self.entry.body,
        }


@dataclass(frozen=True, slots=True)
class Resolved:
    """An entry after a person's decision."""

    entry: OutboxEntry
    not_checked: str = ""
    """Why the record that the person named was not looked at in Intacct; empty if it was."""


def has_outbox(connection: Connection) -> bool:
    """Whether the outbox of a connection exists; operations on one that does not would make it."""
    place = outbox_place(connection)
    return not isinstance(place, Path) or place.exists()


# --- looking


def find_entries(run: CompanyRun, query: EntryQuery = EntryQuery(), *, links: int | None = 0) -> FoundEntries:
    """The entries of this company that match. Of the latest `links` of them, or of all, Intacct is asked for the links
    that are not known yet.
    """
    with run.open_outbox() as outbox:
        outbox.recover()
        entries = _matching(run, outbox, query)
        if links != 0:
            entries = _linked(run, outbox, entries if links is None else entries[-links:], entries)
    return FoundEntries(tuple(entries))


def export_entries(run: CompanyRun, path: Path, query: EntryQuery = EntryQuery(), *, links: bool = False) -> int:
    """Write the entries of this company that match to a file (.csv or .jsonl), with all their values; how many."""
    return _export(find_entries(run, query, links=None if links else 0).entries, path)


def _matching(run: CompanyRun, outbox: Outbox, query: EntryQuery) -> list[OutboxEntry]:
    entry_filter = EntryFilter(query.operation, query.user, query.source, query.text, query.since, query.until)
    entries = outbox.entries(
        company=TargetCompany.of(run.connection).company,
        statuses=query.statuses,
        object=query.object.upper() or None,
    )
    return [entry for entry in entries if entry_filter(entry) and entry.loader.startswith(query.run)]


def _linked(
    run: CompanyRun, outbox: Outbox, chosen: list[OutboxEntry], entries: list[OutboxEntry]
) -> list[OutboxEntry]:
    """The entries, with the links that Intacct has for the wanted ones."""
    for within, batch in within_entities(run.client, chosen):
        keep_links(within, outbox, batch)
    linked = {entry.number for entry in chosen}
    return [outbox.entry(entry.number) if entry.number in linked else entry for entry in entries]


def show_entry(run: CompanyRun, number: int, *, links: bool = False) -> EntryDetail:
    """One entry; NoEntryError if there is none. `links`: ask Intacct for its record's link if it is not known yet."""
    with run.open_outbox() as outbox:
        outbox.recover()
        entry = outbox.entry(number)
        if links:
            (entry,) = _linked(run, outbox, [entry], [entry])
        return EntryDetail(
            entry,
            outbox.replaced_values(entry) or {},
            tuple(outbox.history(entry)),
            tuple(outbox.decisions(entry)),
            tuple(identities_of(entry, outbox.holders_of(entry))),
        )


def propose_records(run: CompanyRun, entries: Iterable[OutboxEntry]) -> tuple[Candidate, ...]:
    """The records that entries in doubt may have become, as Intacct shows them, for a person to decide."""
    with run.open_outbox() as outbox:
        return tuple(
            candidate
            for within, batch in within_entities(run.client, entries)
            for candidate in candidates(within, outbox, batch)
        )


# --- deciding


def settle(
    run: CompanyRun, numbers: Iterable[int] = (), *, settle_after: timedelta | None = None, ask: Ask | None = None
) -> tuple[OutboxEntry, ...]:
    """Find out whether records in doubt were applied, and send them again only if provably not; those of these numbers,
    or all. The entries are as they are then.
    """
    with run.open_outbox() as outbox:
        outbox.recover()
        if ask is not None and any(True for _ in outbox.entries(statuses=[RecordStatus.IN_DOUBT])):
            ask()
        entries = settle_doubts(run.client, outbox, settle_settings(run, settle_after), only=numbers)
    run.recorder.add_records(entry.status for entry in entries)
    return tuple(entries)


def retry(run: CompanyRun, numbers: Iterable[int] = (), *, ask: Ask | None = None) -> tuple[OutboxEntry, ...]:
    """Send refused and unsent records again, unchanged; those of these numbers, or all.

    An update, a delete or an action is not sent if its record was changed in Intacct since it was planned; its note
    says so.
    """
    with run.open_outbox() as outbox:
        if ask is not None and any(True for _ in outbox.entries(statuses=UNAPPLIED)):
            ask()
        entries = _retry(run.client, outbox, only=numbers)
    run.recorder.add_records(entry.status for entry in entries)
    return tuple(entries)


def resolve(run: CompanyRun, number: int, *, posted_as: str | None, because: str, person: str = "") -> Resolved:
    """Decide that Intacct has the record of an entry in doubt, under this RECORDNO or natural key, or (None) that it
    does not have it: then it may be sent again. The outbox keeps who decided, and why.
    """
    with run.open_outbox() as outbox:
        outbox.recover()
        entry = outbox.entry(number)
        _refuse_other_company(run, entry)
        record, not_checked = _record_named(run, entry, posted_as) if posted_as is not None else ("", "")
        kind = ResolutionKind.NOT_POSTED if posted_as is None else ResolutionKind.POSTED_AS
        decision = Resolution(kind, person or run.actor, _reason(because), record)
        return Resolved(outbox.decide(number, decision), not_checked)


def forget(run: CompanyRun, number: int, *, because: str, person: str = "") -> OutboxEntry:
    """Forget that a record was posted, so that the next load of it posts it again. The record stays as it is."""
    with run.open_outbox() as outbox:
        _refuse_other_company(run, outbox.entry(number))
        decision = Resolution(ResolutionKind.FORGOTTEN, person or run.actor, _reason(because))
        return outbox.decide(number, decision)


def _refuse_other_company(run: CompanyRun, entry: OutboxEntry) -> None:
    """Refuse an entry that this connection does not reach: another company's, or another entity's."""
    here, there = TargetCompany.of(run.connection), entry.target
    if here.company != there.company or here.entity.casefold() not in ("", there.entity):
        where = f"{there.company}, entity {there.entity}" if there.entity else there.company
        raise SettingsError(f"entry {entry.number} is of {where}", fix="Use a connection to it.")


def _record_named(run: CompanyRun, entry: OutboxEntry, key: str) -> tuple[str, str]:
    """The record that a person names, as Intacct shows it; and why it could not be looked at."""
    name = entry.target.object
    ((within, _),) = within_entities(run.client, [entry])
    try:
        record = record_of(within, name, key)
    except (InvalidRequestError, NotPermittedError, RefusedError) as error:
        return key, error.message
    if not record:
        raise SettingsError(
            f"Intacct shows no {name} {key!r} to {entry.user or 'this user'}",
            fix=f"Give its RECORDNO. Find it with: intacct query {name}",
        )
    return record, ""


def _reason(because: str) -> str:
    if not because.strip():
        raise SettingsError("`because` is empty", fix="Say why; the outbox keeps the reason.", setting="because")
    return because.strip()


def move_outbox(connection: Connection, target: str, *, source: str = "") -> MovedOutbox:
    """Move an outbox, with its approvals and the event log, from where the connection has it or from `source`."""
    old = outbox_place(replace(connection, outbox=source or connection.outbox))
    return _move(old, outbox_place(replace(connection, outbox=target)))
