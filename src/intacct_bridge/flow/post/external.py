"""Records by an external id, which queries do not know: the older `get` takes one as its key.

That `get` has the attribute is documented, what it does with it is not, and a company that makes nothing of it answers
as if there were no such record. So a record that is found must bear the id; and one that is not found counts as absent
only where the answer is the one to an id that nobody has, while one of ours that certainly is there was found by its.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from intacct_bridge.errors import InvalidRequestError, RecordError, RefusedError
from intacct_bridge.flow.company.find_by_key import Creators, Key, Sighting, key_of, sighting_of
from intacct_bridge.flow.company.gateway import Company
from intacct_bridge.flow.outbox.entry import Entry
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.records.lookup_keys import EXTERNALID, Trace
from intacct_bridge.model.keys import RECORDNO
from intacct_bridge.model.legacy.objects import Older, older
from intacct_bridge.model.query.query import Query, field
from intacct_bridge.wire.values import parse_value
from intacct_bridge.wire.xml import Element

_NO = (RefusedError, InvalidRequestError, RecordError)
"""What a record that is not there and a question that is not understood come to."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What asking by external ids brought."""

    found: Mapping[Key, list[Sighting]]
    absent: frozenset[int]
    """The numbers of the entries that no record bears the external id of."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The record's key, or in which words there is none."""

    record: str
    words: tuple[str, ...] = ()


def only_external(values: Mapping[str, str]) -> bool:
    """Whether an external id is all that a record can be looked for by."""
    return tuple(values) == (EXTERNALID,)


def look_external(company: Company, outbox: Outbox, trace: Trace, entries: Iterable[Entry]) -> Looked:
    """The records that bear the entries' external ids, and which of the others are absent."""
    asked = list(entries)
    try:
        known = older(trace.object)
    except InvalidRequestError:
        return Looked({}, frozenset())
    if not known.single or not asked:
        return Looked({}, frozenset())
    answers = {entry.trace[EXTERNALID]: _answer(company, known, entry.trace[EXTERNALID]) for entry in asked}
    found = {
        key_of(entry.trace): _sightings(company, trace, record)
        for entry in asked
        if (record := answers[entry.trace[EXTERNALID]].record)
    }
    missing = [entry for entry in asked if not answers[entry.trace[EXTERNALID]].record]
    if not missing or not (found or _finds_ours(company, outbox, known, missing[0])):
        return Looked(found, frozenset())
    nobody = _answer(company, known, f"ib1-{outbox.loader}")
    sure = (one.number for one in missing if answers[one.trace[EXTERNALID]] == nobody)
    return Looked(found, frozenset(sure))


def _finds_ours(company: Company, outbox: Outbox, known: Older, entry: Entry) -> bool:
    """Whether the company finds one that it has."""
    example = outbox.example(entry.place.company, entry.place.object, EXTERNALID)
    return example is not None and bool(_answer(company, known, example.trace.get(EXTERNALID, "")).record)


def _answer(company: Company, known: Older, external: str) -> _Answer:
    question = Element("get", attributes={"object": known.name, "key": external, "externalkey": "true"})
    try:
        data = company.ask(question).data
    except _NO as error:
        return _Answer("", tuple(fault.errorno for fault in error.faults))
    for record in data.children if data is not None else ():
        if record.findtext("externalid").strip() == external:
            return _Answer(next((text for name in known.cell(RECORDNO) if (text := record.findtext(name).strip())), ""))
    return _Answer("", ("another",) if data is not None and data.children else ())


def _sightings(company: Company, trace: Trace, record: str) -> list[Sighting]:
    """The record as it is to be judged; one whose maker cannot be read is nobody's, and proves nothing."""
    described = company.describe(trace.object)
    creators = Creators(company, trace, described)
    known = (trace.created, creators.field, *trace.absent)
    select = tuple(name for name in known if name and described.get(name) is not None)
    by = trace.receipt or trace.record
    try:
        where = field(by) == parse_value(described.kind_of(by), record)
        rows = list(company.query(Query(trace.object, (by, *select), where=where, show_private=True)))
    except _NO:
        rows = []
    return [sighting_of(trace, row, creators) for row in rows] or [Sighting(record, None, "", copy=False)]
