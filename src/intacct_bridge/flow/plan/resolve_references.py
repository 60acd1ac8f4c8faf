"""The step that turns references into ids, all of a plan's asked for together."""

from collections.abc import Sequence
from dataclasses import replace

from intacct_bridge.flow.company.references import resolve
from intacct_bridge.flow.plan.context import PlanContext
from intacct_bridge.flow.plan.plan import WRITTEN, PlannedRecord, Verdict


class ResolveReferences:
    """Resolves the references of records with these verdicts; an unknown name is a finding."""

    def __init__(self, context: PlanContext, verdicts: Sequence[Verdict] = WRITTEN) -> None:
        self._context = context
        self._verdicts = verdicts

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Read all references that are not known yet, and resolve each record."""
        if self._context.settings.offline:
            return list(records)
        self._context.references.learn(one.write for one in records if one.verdict in self._verdicts)
        return [self._resolved(one) if one.verdict in self._verdicts else one for one in records]

    def _resolved(self, record: PlannedRecord) -> PlannedRecord:
        write, findings = resolve(record.write, self._context.references)
        return replace(record, write=write).noting(*findings)
