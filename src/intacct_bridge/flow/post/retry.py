"""What can be done from the outbox alone, without the input: settle what is in doubt, retry what was not applied.

Both keep to the entries of the company that the connection is signed in to, and to its entity where it names one; at
the top level they go into each entity that entries are of. What belongs elsewhere is left.
"""

from collections.abc import Iterable, Iterator, Sequence

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.company.entities import entity_id
from intacct_bridge.flow.company.legacy import LegacyGateway
from intacct_bridge.flow.company.target_company import TargetCompany
from intacct_bridge.flow.outbox.entry import Intent, OutboxEntry
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.post.loader import BATCH
from intacct_bridge.flow.post.sender import Sender
from intacct_bridge.flow.post.settle import Settler, SettleSettings
from intacct_bridge.flow.records.status import UNAPPLIED, RecordStatus
from intacct_bridge.flow.records.write import WriteOperation
from intacct_bridge.model.batched import batched


def settle_doubts(
    company: LegacyGateway,
    outbox: Outbox,
    settings: SettleSettings | None = None,
    *,
    only: Iterable[int] = (),
) -> list[OutboxEntry]:
    """Settle every entry in doubt (or those with these numbers) and return them as they stand then."""
    _may_write(company)
    outbox.begin_run(TargetCompany.of(company.connection).user, lambda: company.company_time)
    done: list[OutboxEntry] = []
    for within, entries in _here(company, outbox, (RecordStatus.IN_DOUBT,), only):
        done += Settler(within, outbox, settings or SettleSettings()).settle(entries)
    return done


def retry(company: LegacyGateway, outbox: Outbox, *, only: Iterable[int] = ()) -> list[OutboxEntry]:
    """Send once more what was planned, not sent, rejected or aborted, with the content that the outbox holds.

    What is wrong with a rejected record is not mended by this; it is for what was wrong in the company.
    """
    _may_write(company)
    outbox.begin_run(TargetCompany.of(company.connection).user, lambda: company.company_time)
    done: list[OutboxEntry] = []
    for within, entries in _here(company, outbox, UNAPPLIED, only):
        sender = Sender(within, outbox)
        for some in batched(entries, BATCH):
            begun = outbox.begin(outbox.plan(map(_intent, some)))
            if begun:
                done += sender.send(begun)
    return done


def _here(
    company: LegacyGateway, outbox: Outbox, states: Sequence[RecordStatus], only: Iterable[int]
) -> Iterator[tuple[LegacyGateway, list[OutboxEntry]]]:
    """The entries of the entity that the connection is signed in to, at the top level of every entity, each with it."""
    where, numbers = TargetCompany.of(company.connection), frozenset(only)
    entries = outbox.entries(company=where.company, states=states)
    return within_entities(company, (entry for entry in entries if not numbers or entry.number in numbers))


def within_entities(
    company: LegacyGateway, entries: Iterable[OutboxEntry]
) -> Iterator[tuple[LegacyGateway, list[OutboxEntry]]]:
    """These entries by entity, each group with the company signed in there; others than our entity's are left out."""
    here = TargetCompany.of(company.connection).entity.casefold()
    found: dict[str, list[OutboxEntry]] = {}
    for entry in entries:
        found.setdefault(entry.target.entity, []).append(entry)
    for entity, some in found.items():
        if entity == here:
            yield company, some
        elif not here:
            yield company.entity(entity_id(entity, company)), some


def _intent(entry: OutboxEntry) -> Intent:
    return Intent(
        entry.target,
        entry.identity,
        entry.digest,
        entry.body,
        entry.lookup_key,
        entry.label,
        entry.position,
        entry.tracked,
        repeatable=entry.target.operation is not WriteOperation.CREATE,
    )


def _may_write(company: Gateway) -> None:
    if company.connection.read_only:
        raise SettingsError(
            f"connection {company.connection.name!r} is read-only", fix="use a connection that may write"
        )
