"""The step that turns references into ids; those of a whole plan are read together."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.plan import WRITTEN, Mode, PlannedRecord, Verdict
from intacct_bridge.load.records.write import Finding, Write, WriteOperation
from intacct_bridge.load.target.references import resolve


class ResolveReferences:
    """Resolves the references of records with these verdicts; an unknown name is a finding."""

    def __init__(self, context: PlanContext, verdicts: Sequence[Verdict] = WRITTEN) -> None:
        self._context = context
        self._verdicts = verdicts

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Read all references that are not known yet, and resolve each record."""
        if self._context.settings.offline:
            return list(records)
        referring = (as_in_input(record.write) for record in records if record.verdict in self._verdicts)
        is_create = self._context.settings.mode is Mode.CREATE
        opened = (record.write for record in records if record.is_open and is_create)
        self._context.facts.learn(referring, [write for write in opened if write.operation is WriteOperation.CREATE])
        return [self._resolved(one) if one.verdict in self._verdicts else one for one in records]

    def _resolved(self, record: PlannedRecord) -> PlannedRecord:
        write = record.write
        resolved, findings = resolve(as_in_input(write), self._context.references)
        if write.input_content is None:
            return (record if resolved is write else replace(record, write=resolved)).with_findings(*findings)
        return record.with_findings(*findings, *_moved_references(write, resolved))


def as_in_input(write: Write) -> Write:
    """The write with the fields and lines that its input has."""
    content = write.content
    return write if write.input_content is None else replace(write, fields=content.fields, lines=content.lines)


def _moved_references(planned: Write, now: Write) -> Iterator[Finding]:
    """References of a saved plan that mean another record now."""
    pairs = [(planned.fields, now.fields, planned.position)]
    for wrapper, lines in planned.lines.items():
        pairs += [
            (one.fields, other.fields, one.position) for one, other in zip(lines, now.lines[wrapper], strict=True)
        ]
    for before, after, position in pairs:
        for name in (name for name in before if name in after and before[name] != after[name]):
            message = f"the reference is to {before[name]!r} in the plan, and to {after[name]!r} now"
            yield Finding("moved", message, "make a new plan", planned.column(name), position)
