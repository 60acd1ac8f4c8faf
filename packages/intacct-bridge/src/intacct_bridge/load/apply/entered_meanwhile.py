"""Refused and unsent new records that Intacct has by now, because a person or another program has entered them.

Their keys and numbers are looked up before they are sent again. A record that was there when ours was planned does not
count: the plan has shown it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.outbox.sent_write import sent_write
from intacct_bridge.load.records.lookup_keys import LookupKeys, lookup_keys_of
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Write
from intacct_bridge.load.target.find_by_key import MatchingRecord, find_by_key, key_of, looked_for
from intacct_bridge.load.target.find_by_number import find_by_number, number_form
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.load.target.writable import writable_object
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError

_SLACK = timedelta(hours=1)
"""It is not documented whether the offset of the API user's times follows daylight saving."""


def entered_meanwhile(company: Gateway, outbox: Outbox, entries: Iterable[OutboxEntry]) -> dict[int, str]:
    """The notes on new records that Intacct has by now, by the numbers of their entries.

    A record that cannot be looked for gets a note too, since it might be there.
    """
    by_object: dict[str, list[OutboxEntry]] = {}
    for entry in entries:
        if _is_looked_for(entry):
            by_object.setdefault(entry.target.object, []).append(entry)
    notes: dict[int, str] = {}
    for name, of_object in by_object.items():
        try:
            notes |= _of_object(company, outbox, lookup_keys_of(name), of_object)
        except (NotPermittedError, RefusedError, InvalidRequestError) as error:
            text = (
                f"Intacct could not be asked whether it has this record by now ({error.message}). Load the file again."
            )
            notes |= {entry.number: text for entry in of_object}
    return notes


def _is_looked_for(entry: OutboxEntry) -> bool:
    """Whether a record has a key or a number. Intacct itself refuses a second record with an enforced key."""
    lookup = lookup_keys_of(entry.target.object)
    numbered = any(identity.kind == "number" for identity in entry.identities)
    return lookup.read_by == "query" and not lookup.enforced and bool(entry.lookup_key or numbered or lookup.partial)


def _of_object(company: Gateway, outbox: Outbox, lookup: LookupKeys, entries: Sequence[OutboxEntry]) -> dict[int, str]:
    writable = writable_object(company, lookup.object)
    writes = {entry.number: sent_write(writable, entry) for entry in entries}
    matches: dict[int, list[MatchingRecord]] = {}
    for number, match in (*_by_key(company, lookup, writes), *_by_number(company, lookup, writes)):
        matches.setdefault(number, []).append(match)
    records = {match.record for of_entry in matches.values() for match in of_entry}
    ours = outbox.claimed(entries[0].target.company, lookup.object, records)
    notes: dict[int, str] = {}
    for entry in entries:
        of_entry = matches.get(entry.number, ())
        new = [match for match in of_entry if match.record not in ours and _is_new(match, entry)]
        if new:
            when = f" on {new[0].created:%Y-%m-%d}" if new[0].created else ""
            notes[entry.number] = (
                f"{lookup.object} {new[0].record}, which {new[0].creator or 'an unknown user'} entered{when}, has the "
                "key or the number of this record. Load the file again to compare the two."
            )
    return notes


def _by_key(company: Gateway, lookup: LookupKeys, writes: Mapping[int, Write]) -> Iterator[tuple[int, MatchingRecord]]:
    keys = {number: looked_for(lookup, write.fields) for number, write in writes.items()}
    by_key = find_by_key(company, lookup, (values for values in keys.values() if values))
    for number, values in keys.items():
        for match in by_key.get(key_of(values), ()):
            if not (match.copy or match.taken_back):
                yield number, match


def _by_number(
    company: Gateway, lookup: LookupKeys, writes: Mapping[int, Write]
) -> Iterator[tuple[int, MatchingRecord]]:
    numbered = {number: write for number, write in writes.items() if comparable(write.fields.get(lookup.number))}
    if not lookup.number or not numbered:
        return
    shown = find_by_number(company, lookup, (write.fields for write in numbered.values()))
    entity = TargetCompany.of(company.connection).entity
    for number, write in numbered.items():
        form = number_form(write.fields.get(lookup.number))
        for record in shown:
            if record.counts and record.number == form and record.is_of(lookup, write.fields, entity):
                yield number, record.match


def _is_new(match: MatchingRecord, entry: OutboxEntry) -> bool:
    """Whether a record may have come after the entry was planned, which may have been long before it was sent.

    A record whose time is not known may have.
    """
    created = match.created
    return created is None or created.tzinfo is None or created >= entry.planned_at - _SLACK
