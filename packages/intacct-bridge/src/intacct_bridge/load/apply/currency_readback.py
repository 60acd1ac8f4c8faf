"""The currency of new records as the company holds them, read with their receipts: one query for 1,000 records.

A record in another currency than its plan said is in the company, and wrong. Its outcome names it as a conflict, and a
later load of it is refused for the same reason (`plan.receipts`), until it is taken back.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.records.currency import currencies_of
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.values import equal_form
from intacct_bridge.load.records.write import WriteOperation
from intacct_bridge.load.target.document_currencies import DOCUMENTS, posted_currencies, wrong_currency
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.query.query import MAX_IN

POSTED = (RecordStatus.APPLIED, RecordStatus.SETTLED)


def with_currencies_read(outcomes: Iterable[RecordOutcome], company: Gateway) -> Iterator[RecordOutcome]:
    """The outcomes; those of new records in a company that may have several currencies after their currency is read."""
    return read_in_groups(outcomes, lambda outcome: _is_to_read(outcome, company), lambda group: _read(group, company))


def read_in_groups(
    outcomes: Iterable[RecordOutcome],
    is_to_read: Callable[[RecordOutcome], bool],
    read: Callable[[Sequence[RecordOutcome]], Iterator[RecordOutcome]],
) -> Iterator[RecordOutcome]:
    """The outcomes; those whose records are to be read, after one look for 1,000 of them.

    If an error ends the outcomes, those before it come first.
    """
    group: list[RecordOutcome] = []
    try:
        for outcome in outcomes:
            if not is_to_read(outcome):
                yield outcome
                continue
            group.append(outcome)
            if len(group) == MAX_IN:
                yield from read(group)
                group = []
    except IntacctError:
        yield from read(group)
        raise
    yield from read(group)


def currency_not_read(outcome: RecordOutcome, reason: str) -> RecordOutcome:
    """The outcome of a record whose currency should have been read back and was not; that of any other as it is."""
    if not _has_currency(outcome):
        return outcome
    return replace(outcome, note="; ".join(filter(None, (outcome.note, f"its currency was not read back: {reason}"))))


def _is_to_read(outcome: RecordOutcome, company: Gateway) -> bool:
    return _has_currency(outcome) and company.financial_setup.is_multi_currency is not False


def _has_currency(outcome: RecordOutcome) -> bool:
    write = outcome.write
    return (
        write.operation is WriteOperation.CREATE
        and outcome.status in POSTED
        and write.object in DOCUMENTS
        and bool(outcome.key and currencies_of(write))
    )


def _read(outcomes: Sequence[RecordOutcome], company: Gateway) -> Iterator[RecordOutcome]:
    """The outcomes after a look at the currencies of their records; they are posted if the look fails, too."""
    by_object: dict[str, list[str]] = {}
    for outcome in outcomes:
        by_object.setdefault(outcome.write.object, []).append(outcome.key)
    posted: dict[tuple[str, str], frozenset[str]] = {}
    unread = ""
    try:
        for name, records in by_object.items():
            currencies = posted_currencies(company, name, records)
            posted |= {(name, record): theirs for record, theirs in currencies.items()}
    except IntacctError as error:
        unread = error.message
    for outcome in outcomes:
        theirs = posted.get((outcome.write.object, equal_form(outcome.key)), frozenset())
        if theirs and not currencies_of(outcome.write) <= theirs:
            note = f"{wrong_currency(currencies_of(outcome.write), theirs)}: take it back with `intacct undo`"
            yield replace(outcome, status=RecordStatus.CONFLICT, faults=(), note=note)
        elif unread and not theirs:
            yield currency_not_read(outcome, unread)
        else:
            yield outcome
