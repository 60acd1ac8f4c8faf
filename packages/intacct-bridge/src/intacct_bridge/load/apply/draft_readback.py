"""The state of drafts that were posted, as the company holds them then: one query for 1,000 records.

Not every update takes the parameter that posts a draft, as far as Sage's pages say. A draft that is left is in the
company, and is not what its source says. Its outcome names it as a conflict.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.apply.currency_readback import POSTED, read_in_groups
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.records.lookup_keys import is_draft_state, lookup_keys_of
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Write
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.query.query import Query, field

_STATE = "STATE"


def with_drafts_read(outcomes: Iterable[RecordOutcome], company: Gateway) -> Iterator[RecordOutcome]:
    """The outcomes; those of updates that post a draft after the state of their record is read."""
    return read_in_groups(outcomes, _posts_draft, lambda group: _read_states(group, company))


def draft_not_read(outcome: RecordOutcome, reason: str) -> RecordOutcome:
    """The outcome of an update that posts a draft and whose effect was not read; that of any other as it is."""
    if not _posts_draft(outcome):
        return outcome
    note = f"whether it is still a draft was not read: {reason}"
    return replace(outcome, status=RecordStatus.CONFLICT, faults=(), note=note)


def _posts_draft(outcome: RecordOutcome) -> bool:
    return outcome.posts_draft and outcome.status in POSTED


def _read_states(outcomes: Sequence[RecordOutcome], company: Gateway) -> Iterator[RecordOutcome]:
    by_object: dict[str, list[Write]] = {}
    for outcome in outcomes:
        by_object.setdefault(outcome.write.object, []).append(outcome.write)
    states: dict[tuple[str, str], str] = {}
    unread = ""
    try:
        for name, writes in by_object.items():
            by = lookup_keys_of(name).record_key
            where = field(by).is_in([write.fields[by] for write in writes])
            for row in company.query(Query(name, (by, _STATE), where=where, show_private=True)):
                states[name, comparable(row.get(by))] = comparable(row.get(_STATE))
    except IntacctError as error:
        unread = error.message
    for outcome in outcomes:
        name, lookup = outcome.write.object, lookup_keys_of(outcome.write.object)
        state = states.get((name, comparable(outcome.write.fields[lookup.record_key])), "")
        if not state:
            yield draft_not_read(outcome, unread or "it is not visible")
        elif is_draft_state(name, state):
            note = f"it is still a draft in Intacct: post it there ({lookup.hint})"
            yield replace(outcome, status=RecordStatus.CONFLICT, faults=(), note=note)
        else:
            yield outcome
