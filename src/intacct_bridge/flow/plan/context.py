"""What the steps of one plan share: the company, the outbox, and what is known of the object that is planned."""

from collections.abc import Callable, Iterable, Sequence

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.company.functions import Functions
from intacct_bridge.flow.company.target_company import TargetCompany
from intacct_bridge.flow.company.writable import WritableObject, with_text_lengths, writable_object
from intacct_bridge.flow.outbox.entry import OutboxEntry, WriteTarget
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.company_facts import CompanyFacts
from intacct_bridge.flow.plan.plan import PlannedRecord, PlanSettings
from intacct_bridge.flow.records.write import Write

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
        self.facts = facts or CompanyFacts()
        self.references = self.facts.references(company)
        self.functions = Functions(company)
        self.unchecked: list[str] = []
        """Rules that could not be checked, with the reason."""
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
        """The step that describes the object, where a record is to be written at all."""
        if not self.settings.offline and any(record.is_open for record in records):
            self.describe()
        return list(records)

    def entries(self, writes: Iterable[Write]) -> list[OutboxEntry | None]:
        """The newest outbox entry of each write, or None."""
        return newest_entries(self.outbox, self.target, writes)


def write_target(target: TargetCompany, write: Write) -> WriteTarget:
    """Where a write goes, as the outbox keys it: in one case, however the connection writes it."""
    return WriteTarget(target.company, target.entity.casefold(), write.operation, write.object)


def newest_entries(outbox: Outbox, target: TargetCompany, writes: Iterable[Write]) -> list[OutboxEntry | None]:
    """The newest outbox entry of each write that goes to the target, or None."""
    keys = [(write_target(target, write), write.identity.text) for write in writes]
    found = outbox.latest(keys)
    return [found.get(key) for key in keys]
