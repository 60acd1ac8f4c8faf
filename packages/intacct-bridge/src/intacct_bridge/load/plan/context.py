"""What the steps of one plan share: the company, the outbox, and what is known of the object that is planned."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.outbox.described import write_target
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.company_facts import CompanyFacts
from intacct_bridge.load.plan.plan import PlannedRecord, PlanSettings
from intacct_bridge.load.records.write import Write
from intacct_bridge.load.rules.facts import EntityFacts
from intacct_bridge.load.target.amounts_due import PAID_DOCUMENTS, AmountDue, amounts_due, paid_record
from intacct_bridge.load.target.functions import Functions
from intacct_bridge.load.target.references import References
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.load.target.writable import WritableObject, with_text_lengths, writable_object
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError

PlanStep = Callable[[Sequence[PlannedRecord]], list[PlannedRecord]]
"""One step of planning: the records in, the same records with what the step found out."""


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
        self.facts = (facts or CompanyFacts()).within(company)
        self.functions = Functions(company)
        self.unchecked: list[str] = []
        """Rules that could not be checked, with the reason."""
        self._paid: dict[str, AmountDue] = {}
        """The bills or invoices that payments of the plan pay, by record number."""
        self._read_keys: set[str] = set()
        """The numbers of those that were read, or could not be."""
        self.writable: WritableObject | None = None
        """The description of the object; None until it is needed, and always in an offline plan."""

    @property
    def references(self) -> References:
        """The records that the plan refers to."""
        return self.facts.references

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
            self.facts.describe(self.object, (record.write for record in records))
            self.describe()
        return list(records)

    def choice(self, setting: str) -> str:
        """A setting of this load, else the connection's."""
        return str(getattr(self.settings, setting) or getattr(self.company.connection, setting))

    def entities(self) -> Mapping[str, EntityFacts]:
        """The entities, read once; empty if the company has none or they may not be read."""
        self.facts.entity_rows()
        return self.facts.entities()

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

    def taken_back(self, records: Iterable[str]) -> set[str]:
        """The records of the object that an undo of ours took back, and the opposite entries that did it."""
        return self.outbox.taken_back(self.target.company, self.object, records)


def newest_entries(outbox: Outbox, target: TargetCompany, writes: Iterable[Write]) -> list[OutboxEntry | None]:
    """The newest outbox entry of each write that goes to the target, or None."""
    keys = [(write_target(target, write), write.identity.text) for write in writes]
    entries_by_key = outbox.latest(keys)
    return [entries_by_key.get(key) for key in keys]
