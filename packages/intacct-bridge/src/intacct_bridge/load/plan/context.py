"""What the steps of one plan share: the company, the outbox, and what is known of the object that is planned."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.outbox.described import write_target
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import PlannedRecord, PlanSettings
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Write
from intacct_bridge.load.rules.facts import EntityFacts
from intacct_bridge.load.target.amounts_due import PAID_DOCUMENTS, AmountDue, amounts_due, paid_record
from intacct_bridge.load.target.functions import Functions
from intacct_bridge.load.target.references import References
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.load.target.writable import WritableObject, with_text_lengths, writable_object
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_protocol.model.query.query import Query

PlanStep = Callable[[Sequence[PlannedRecord]], list[PlannedRecord]]
"""One step of planning: the records in, the same records with what the step found out."""


class CompanyFacts:
    """What several plans know of one company together: the records that loads refer to, and the entities.

    Inputs that are planned one after the other, such as the streams of a Singer target, refer to the same accounts and
    locations. What one plan has found is not read again by the next. What it has not found is, since a load in between
    may have created it; and everything of an object that was written in between is read again.
    """

    def __init__(self) -> None:
        self._references: dict[str, References] = {}
        self._entities: dict[str, Mapping[str, EntityFacts]] = {}

    def references(self, company: Gateway) -> References:
        """The references of a new plan, with the records that earlier plans have found."""
        place = company.connection.location_id
        before = self._references.get(place)
        self._references[place] = found = References(company) if before is None else before.for_next_plan()
        return found

    def entities(self, company: Gateway, read: Callable[[], Mapping[str, EntityFacts]]) -> Mapping[str, EntityFacts]:
        """The company's entities, read once."""
        place = company.connection.location_id
        if not self._entities.get(place):
            self._entities[place] = read()
        return self._entities[place]

    def forget(self, object_name: str) -> None:
        """Records of this object were written: the next plan reads what it refers to of them."""
        for one in self._references.values():
            one.forget(object_name)
        if object_name in ("LOCATIONENTITY", "LOCATION"):
            self._entities.clear()


class PlanContext:
    """One entity's plan in the making."""

    def __init__(
        self,
        company: Gateway,
        outbox: Outbox,
        settings: PlanSettings,
        object_name: str,
        facts: CompanyFacts | None = None,
    ) -> None:
        self.company = company
        self.outbox = outbox
        self.settings = settings
        self.object = object_name
        self.target = TargetCompany.of(company.connection)
        self.facts = facts or CompanyFacts()
        self.references = self.facts.references(company)
        self.functions = Functions(company)
        self.unchecked: list[str] = []
        """Rules that could not be checked, with the reason."""
        self._entities: Mapping[str, EntityFacts] | None = None
        self._paid: dict[str, AmountDue] = {}
        """The bills or invoices that payments of the plan pay, by record number."""
        self._read_keys: set[str] = set()
        """The numbers of those that were read, or could not be."""
        self.writable: WritableObject | None = None
        """The description of the object; None until it is needed, and always in an offline plan."""

    def describe(self) -> WritableObject:
        """The description of the object, read once. InvalidRequestError in an offline plan."""
        if self.settings.offline:
            raise InvalidRequestError(
                f"{self.settings.mode} compares with the company, which an offline plan does not ask",
                fix="plan without `offline`",
                setting="offline",
            )
        if self.writable is None:
            self.writable = with_text_lengths(self.company, writable_object(self.company, self.object), self.unchecked)
        return self.writable

    def describe_for(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """The step that describes the object, if a record is to be written at all."""
        if not self.settings.offline and any(record.is_open for record in records):
            self.describe()
        return list(records)

    def choice(self, setting: str) -> str:
        """A setting of this load, else the connection's."""
        return str(getattr(self.settings, setting) or getattr(self.company.connection, setting))

    def entities(self) -> Mapping[str, EntityFacts]:
        """The entities, read once; empty if the company has none or they may not be read."""
        if self._entities is None:
            self._entities = self.facts.entities(self.company, self._read_entities)
        return self._entities

    def _read_entities(self) -> dict[str, EntityFacts]:
        """The entities with the first date that is open for posting, and their base currency."""
        entities: dict[str, EntityFacts] = {}
        try:
            described = self.company.describe("LOCATIONENTITY")
            names = ("LOCATIONID", "STARTOPEN", "CURRENCY")
            select = tuple(name for name in names if described.get(name) is not None)
            for row in self.company.query(Query("LOCATIONENTITY", select)):
                day = row.get("STARTOPEN")
                opened = day if isinstance(day, date) else None
                currency = comparable(row.get("CURRENCY")).upper()
                entities[comparable(row.get("LOCATIONID"))] = EntityFacts(opened, currency)
        except (NotPermittedError, RefusedError) as error:
            self.unchecked.append(f"entities, their currencies and open periods: {error.message}")
        return entities

    def paid_documents(self, writes: Iterable[Write]) -> Mapping[str, AmountDue]:
        """What is due on the bills or invoices that these payments pay, by record number; each is read once."""
        document = PAID_DOCUMENTS.get(self.object, "")
        if not document or self.settings.offline or self.company.connection.is_legacy:
            return {}
        keys = {key for write in writes for line in write.all_lines if (key := paid_record(line)).isdecimal()}
        if new := sorted(keys - self._read_keys):
            self._read_keys.update(new)
            try:
                self._paid |= amounts_due(self.company, document, new)
            except (NotPermittedError, RefusedError, InvalidRequestError) as error:
                self.unchecked.append(f"amounts due of {document}: {error.message}")
        return self._paid

    def entries(self, writes: Iterable[Write]) -> list[OutboxEntry | None]:
        """The newest outbox entry of each write, or None."""
        return newest_entries(self.outbox, self.target, writes)


def newest_entries(outbox: Outbox, target: TargetCompany, writes: Iterable[Write]) -> list[OutboxEntry | None]:
    """The newest outbox entry of each write that goes to the target, or None."""
    keys = [(write_target(target, write), write.identity.text) for write in writes]
    found = outbox.latest(keys)
    return [found.get(key) for key in keys]
