"""Settling and retrying from the outbox alone, without the input.

Both use only entries of the company that the connection is signed in to, and of its entity if it names one. At the top
level they sign in to each entity that has entries. All other entries are left as they are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.apply.entered_meanwhile import entered_meanwhile
from intacct_bridge.load.apply.loader import BATCH
from intacct_bridge.load.apply.readback import Recheck, recheck
from intacct_bridge.load.apply.sender import Sender, refuse_read_only, refuse_without_plan
from intacct_bridge.load.apply.settle import Settler, SettleSettings
from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.status import UNAPPLIED, RecordStatus
from intacct_bridge.load.records.write import WriteOperation
from intacct_bridge.load.target.entities import entity_id
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_protocol.model.batched import batched


def settle_doubts(
    company: Gateway,
    outbox: Outbox,
    settings: SettleSettings | None = None,
    *,
    only: Iterable[int] = (),
) -> list[OutboxEntry]:
    """Settle every entry in doubt (or those with these numbers) and return them as they are then."""
    refuse_read_only(company.connection)
    outbox.begin_run(TargetCompany.of(company.connection).user, lambda: company.company_time)
    done: list[OutboxEntry] = []
    for within, entries in _by_entity(company, outbox, (RecordStatus.IN_DOUBT,), only):
        done += Settler(within, outbox, settings or SettleSettings()).settle(entries)
    return done


def retry(company: Gateway, outbox: Outbox, *, only: Iterable[int] = ()) -> list[OutboxEntry]:
    """Send records once more that were planned, not sent, rejected or aborted, with the content that the outbox holds.

    This helps after a problem in the company was fixed. A mistake in the record itself stays. Records that were sent in
    one transaction are sent in one again. An update, a delete or an action is left out, with all of its transaction, if
    its record is not as its plan has seen it; the note says so. So is a new record that is superseded: a later load has
    sent, or is to send, the same record with other content. So is one that Intacct has by now under its key or its
    number. The outbox keeps the values that an update replaces now.

    An entry that another loader has taken meanwhile is returned as it is then.
    """
    refuse_read_only(company.connection)
    refuse_without_plan(company.connection)
    outbox.begin_run(TargetCompany.of(company.connection).user, lambda: company.company_time)
    done: list[OutboxEntry] = []
    for within, unapplied in _by_entity(company, outbox, UNAPPLIED, only):
        sender = Sender(within, outbox)
        now = _recheck(within, outbox, unapplied)
        reasons = _superseded(outbox, unapplied)
        new = (entry for entry in _new_records(unapplied) if entry.number not in reasons)
        reasons |= entered_meanwhile(within, outbox, new)
        reasons |= {number: one.outdated for number, one in now.items() if one.outdated}
        entries, left = _without_outdated(outbox, unapplied, reasons)
        done += left
        for batch, together in _requests(outbox, entries):
            planned = outbox.plan([_new_entry(entry, now) for entry in batch], repeat=False)
            begun = outbox.begin(planned, together=together)
            numbers = {entry.number for entry in begun}
            done += (outbox.entry(entry.number) for entry in planned if entry.number not in numbers)
            if begun:
                done += sender.send(begun, transaction=together)
    return done


def _recheck(company: Gateway, outbox: Outbox, entries: Sequence[OutboxEntry]) -> dict[int, Recheck]:
    """How the records of the changes among these entries stand now, by the entries' numbers."""
    changes: dict[str, list[OutboxEntry]] = {}
    for entry in entries:
        if entry.target.operation is not WriteOperation.CREATE:
            changes.setdefault(entry.target.object, []).append(entry)
    now: dict[int, Recheck] = {}
    for group in changes.values():
        try:
            now |= recheck(company, outbox, group)
        except (NotPermittedError, RefusedError, InvalidRequestError) as error:
            # a change that was made without a look at its record is sent without one again
            compared = (entry for entry in group if outbox.replaced_values(entry) is not None)
            text = f"its record cannot be compared with its plan: {error.message}"
            now |= {entry.number: Recheck(text) for entry in compared}
    return now


def _without_outdated(
    outbox: Outbox, entries: Sequence[OutboxEntry], reasons: dict[int, str]
) -> tuple[list[OutboxEntry], list[OutboxEntry]]:
    """The entries to send, and those that are outdated, each with the reason as its note."""
    batches = outbox.batches(entries)
    together = {batches[number]: number for number in reasons if number in batches}
    for number, batch in batches.items():
        if batch in together:
            reasons.setdefault(number, f"it was sent together with entry {together[batch]}, which is outdated")
    left = [replace(entry, note=reasons[entry.number]) for entry in entries if entry.number in reasons]
    return [entry for entry in entries if entry.number not in reasons], left


def _new_records(entries: Iterable[OutboxEntry]) -> Iterator[OutboxEntry]:
    """The entries of new records, without those that take others back."""
    return (entry for entry in entries if entry.target.operation is WriteOperation.CREATE and entry.undoes is None)


def _superseded(outbox: Outbox, entries: Sequence[OutboxEntry]) -> dict[int, str]:
    """The new records of which Intacct has, or may have, another version, or that were planned again since; with what
    is to be said of them.

    A later version counts even if it was taken back or is not sent yet: the earlier one is not what the source says.
    """
    by_target: dict[WriteTarget, list[OutboxEntry]] = {}
    for entry in _new_records(entries):
        by_target.setdefault(entry.target, []).append(entry)
    notes: dict[int, str] = {}
    for target, members in by_target.items():
        versions: dict[tuple[str, str, int], list[OutboxEntry]] = {}
        holders = outbox.holders(target, (identity for entry in members for identity in entry.identities))
        for (kind, text), places in holders.items():
            for holder in places:
                versions.setdefault((kind, text, holder.place), []).append(holder.entry)
        waiting = outbox.entries(company=target.company, statuses=UNAPPLIED, object=target.object)
        for other in waiting:
            for identity in other.identities if other.target == target else ():
                versions.setdefault((identity.kind, identity.text, identity.place), []).append(other)
        for entry in members:
            others = (
                other
                for identity in entry.identities
                for other in versions.get((identity.kind, identity.text, identity.place), ())
                if identity.place and other.number != entry.number
                if other.is_live or _planned(other) > _planned(entry)
            )
            if (latest := max(others, key=_planned, default=None)) is not None:
                notes[entry.number] = f"superseded by entry {latest.number}, which is the same record"
    return notes


def _planned(entry: OutboxEntry) -> tuple[datetime, int]:
    """The place of an entry in the order of plans."""
    return entry.planned_at, entry.number


def _requests(outbox: Outbox, entries: Sequence[OutboxEntry]) -> Iterator[tuple[list[OutboxEntry], bool]]:
    """The entries by request, and whether those of a request were sent in one transaction."""
    batches = outbox.batches(entries)
    yield from ((some, False) for some in batched((one for one in entries if one.number not in batches), BATCH))
    for batch in dict.fromkeys(batches.values()):
        yield [one for one in entries if batches.get(one.number) == batch], True


def _by_entity(
    company: Gateway, outbox: Outbox, statuses: Sequence[RecordStatus], only: Iterable[int]
) -> Iterator[tuple[Gateway, list[OutboxEntry]]]:
    """The entries of the connection's entity, or at the top level those of every entity, with a gateway to it."""
    target, numbers = TargetCompany.of(company.connection), frozenset(only)
    entries = outbox.entries(company=target.company, statuses=statuses)
    return within_entities(company, (entry for entry in entries if not numbers or entry.number in numbers))


def within_entities(company: Gateway, entries: Iterable[OutboxEntry]) -> Iterator[tuple[Gateway, list[OutboxEntry]]]:
    """These entries by entity, each with a gateway to it; signed in to an entity, those of the others are left out."""
    signed_in = TargetCompany.of(company.connection).entity.casefold()
    by_entity: dict[str, list[OutboxEntry]] = {}
    for entry in entries:
        by_entity.setdefault(entry.target.entity, []).append(entry)
    for entity, group in by_entity.items():
        if entity == signed_in:
            yield company, group
        elif not signed_in:
            yield company.entity(entity_id(entity, company)), group


def _new_entry(entry: OutboxEntry, now: Mapping[int, Recheck]) -> OutboxEntry:
    return new_entry(
        entry.target,
        entry.identity,
        entry.digest,
        entry.body,
        entry.lookup_key,
        label=entry.label,
        position=entry.position,
        tracked=entry.tracked,
        totals=entry.totals,
        posting_date=entry.posting_date,
        undoes=entry.undoes,
        identities=entry.identities,
        earlier=now[entry.number].earlier if entry.number in now else None,
    )
