"""The plan as a value: the verdict on every record, with reasons, totals and cost."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from typing import Any, Literal

from intacct_bridge.load.outbox.described import totals
from intacct_bridge.load.outbox.entry import Total, added, total_of
from intacct_bridge.load.plan.changes import Change
from intacct_bridge.load.plan.finding_causes import FindingCause, causes
from intacct_bridge.load.records.currency import currencies_of
from intacct_bridge.load.records.write import ACTION_COMMENT, ACTION_DATE, Finding, Receipt, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.current_records import AMOUNTS, SIDES
from intacct_bridge.load.target.references import Names
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_protocol.xml.values import Value


class Mode(StrEnum):
    """What a load does with its records."""

    CREATE = "create"
    UPDATE = "update"
    UPSERT = "upsert"
    """Update existing records and create the others."""
    DELETE = "delete"


EqualRecords = Literal["refuse", "same", "new"]
AfterUndo = Literal["post", "refuse"]


@dataclass(frozen=True, slots=True)
class MatchRules:
    """How the records of an input are told from those that were posted before."""

    source_name: str = ""
    """The source that the keys of the records belong to; empty for the one that all inputs without a name share."""
    new_rows: tuple[int, ...] = ()
    """Rows whose records are new, even if a record with the same number, key or content was posted before."""
    equal_records: EqualRecords = "refuse"
    """What a record is that only its content identifies, if an equal one was posted and the rest of that input is
    missing."""
    after_undo: AfterUndo = "post"
    """What becomes of a record that was taken back and comes again as it was."""


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """How to plan."""

    offline: bool = False
    """Send no request; the rules that need the company are named as unchecked."""
    rules: MatchRules = MatchRules()
    mode: Mode = Mode.CREATE
    match: tuple[str, ...] = ()
    """Fields by which an existing record is found, instead of its lookup key."""
    send_currency: str = ""
    """Whether documents whose input names no currency are sent with the decided one; empty: as the connection says. So
    are the next two."""
    party_currency: str = ""
    """What becomes of a document that has the currency of its party, and not that of its entity."""
    unusual_rates: str = ""
    """What becomes of a record with an exchange rate that no pair of currencies has."""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How the records of a plan are sent."""

    batch_size: int = 100
    atomic: bool = False
    stop_on_error: bool = False


@dataclass(frozen=True, slots=True)
class PlanOrigin:
    """What identifies a saved plan: its id, the outbox it was made with, and how it is sent."""

    id: str
    outbox: str
    options: SendOptions
    needs_approval: bool = False
    """Whether a person must approve it, even if the connection does not require approvals."""


class Verdict(StrEnum):
    """What applying the plan would do with a record."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REVERSE = "reverse"
    VOID = "void"
    APPROVE = "approve"
    DECLINE = "decline"
    RECALL = "recall"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    """Void in its source, and not in the company: there is nothing to do."""
    REFUSED = "refused"
    IN_DOUBT = "in doubt"
    """Sent by an earlier run that got no answer; applying the plan looks for it before anything else."""


DUPLICATE = "duplicate"
"""The rule that refuses a record which the company has, or may have, already; a warning if the settings allow it."""
LEFT_OUT = (Verdict.REFUSED, Verdict.SKIPPED)
"""Verdicts on records that applying the plan leaves out; they are not decided on again."""
WRITTEN = tuple(Verdict(operation.value) for operation in WriteOperation)
"""Verdicts that cost a transaction."""


@dataclass(frozen=True, slots=True)
class PlannedRecord:
    """One record with its verdict and the reasons, at any step of planning."""

    write: Write
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    """Everything found so far, by reading the input and by planning."""
    receipt: Receipt | None = None
    """The existing record: the one to update or delete, or the one that an earlier run wrote."""
    since: datetime | None = None
    """When an earlier run sent it."""
    changes: tuple[Change, ...] = ()
    """What an update would change."""
    existing: Mapping[str, str] = field(default_factory=dict)
    """Of a record to delete, or to act on: its amounts and its time of modification, as the decision saw them."""

    @classmethod
    def of(cls, write: Write) -> "PlannedRecord":
        """A record at the start of planning: to be written as its operation says."""
        return cls(write, Verdict(write.operation.value), write.findings)

    @property
    def is_new(self) -> bool:
        """Whether it is a record that the company does not have, or did not have before an earlier run."""
        return self.write.operation is WriteOperation.CREATE

    @property
    def action_options(self) -> dict[str, Value]:
        """Of an action: its date and its text, as far as it has them."""
        options = {name.lower(): self.write.fields.get(name) for name in (ACTION_DATE, ACTION_COMMENT)}
        return {name: value for name, value in options.items() if value}

    @property
    def totals(self) -> tuple[Total, ...]:
        """Its amounts by currency: of its lines, or of the existing record that is deleted or acted on."""
        facts = [(*name.partition(" "), value) for name, value in self.existing.items()]
        sides = [total_of(currency, Decimal(value), SIDES[side]) for side, _, currency, value in facts if side in SIDES]
        if sides:
            return added(sides)
        shown = next((self.existing[name] for name in AMOUNTS if name in self.existing), None)
        if self.write.lines or shown is None:
            return totals([self.write])
        return (total_of(self.existing.get("CURRENCY", ""), Decimal(shown)),)

    @property
    def is_open(self) -> bool:
        """Whether the record would be written, as far as is known."""
        return self.verdict in WRITTEN

    @property
    def may_be_duplicate(self) -> bool:
        """Whether it would be written although the company may have it: its plan warns of that instead of refusing."""
        return self.is_open and any(finding.rule == DUPLICATE for finding in self.findings)

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """The findings that refuse it: one for each cell, and for a row that cannot be read nothing else."""
        return tuple(_without_consequences(finding for finding in self.findings if finding.refuses))

    def with_findings(self, *findings: Finding) -> "PlannedRecord":
        """The record with more findings, each of them once. Its verdict is unchanged."""
        return replace(self, findings=tuple(dict.fromkeys((*self.findings, *findings)))) if findings else self

    def to_dict(self, wording: Callable[[str], str] = str) -> dict[str, object]:
        """The record for JSON."""
        return {
            "record": self.write.label,
            "position": self.write.position,
            "verdict": self.verdict.value,
            "operation": self.write.operation.value,
            "object": self.write.object,
            "currency": ", ".join(sorted(currencies_of(self.write))) or self.existing.get("CURRENCY", ""),
            "key": self.receipt.record if self.receipt else None,
            "existing": dict(self.existing),
            "takes_back_entry": self.write.undoes,
            "reasons": [
                wording(str(finding))
                for finding in (self.findings if self.verdict is Verdict.SKIPPED else self.reasons)
            ],
            "changes": [
                {"field": change.name, "before": change.before, "after": change.after}
                | ({"lines": list(change.lines)} if change.lines else {})
                for change in self.changes
            ],
        }

    def or_refused(self) -> "PlannedRecord":
        """The record, with the verdict REFUSED if one of its findings refuses it."""
        return replace(self, verdict=Verdict.REFUSED) if self.findings and self.reasons else self


_OF_THE_RECORD = ("balance", "lines")
"""Rules on a record as a whole, whose findings stand beside those of the cell at which they are shown."""


def _without_consequences(findings: Iterable[Finding]) -> Iterator[Finding]:
    listed_findings = list(findings)
    unreadable = {finding.position for finding in listed_findings if finding.rule == "row" and not finding.column}
    shown_places: set[tuple[str, str]] = set()
    for finding in listed_findings:
        if finding.position in unreadable and (finding.rule != "row" or finding.column):
            continue
        place = (finding.position, finding.column)
        if finding.column and finding.rule not in _OF_THE_RECORD:
            if place in shown_places:
                continue
            shown_places.add(place)
        yield finding


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a person needs to decide on a load, and everything that applying it needs."""

    target: TargetCompany
    object: str
    """Empty for records of several kinds, which are applied in stages."""
    source: str
    """The input's name."""
    columns: tuple[str, ...]
    records: tuple[PlannedRecord, ...]
    reads: int
    """API transactions that planning cost."""
    notes: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    """Rules that could not be checked, with the reason."""
    rules: MatchRules = MatchRules()
    origin: PlanOrigin | None = None
    """Of a saved plan; None for plans that were never saved."""
    saved: "Plan | None" = None
    """The saved plan that this one was revalidated from."""
    names: Names = field(default_factory=dict, compare=False)
    """The names of the company's records that its own refer to."""
    position: str = field(default="", compare=False)
    """The position of the outbox when it was made; empty if it was made in another program."""
    input: InputTable | None = field(default=None, repr=False, compare=False)
    """The rows that it was made from; None if it was made in another program, or from no rows."""

    def of(self, *verdicts: Verdict) -> tuple[PlannedRecord, ...]:
        """The records with these verdicts."""
        return tuple(record for record in self.records if record.verdict in verdicts)

    @property
    def stages(self) -> tuple["Plan", ...]:
        """The parts that are applied one after the other: records of one object and operation, else the whole plan."""
        if self.object:
            return (self,)
        kinds = groupby(self.records, key=lambda record: (record.write.object, record.write.operation))
        return tuple(replace(self, object=name, records=tuple(some)) for (name, _), some in kinds)

    @property
    def to_send(self) -> tuple[PlannedRecord, ...]:
        """The records to write, and those in doubt, which may have to be sent again."""
        return self.of(*WRITTEN, Verdict.IN_DOUBT)

    @property
    def to_create(self) -> int:
        """The number of records to create."""
        return len(self.of(Verdict.CREATE))

    @property
    def to_update(self) -> int:
        """The number of records to update."""
        return len(self.of(Verdict.UPDATE))

    @property
    def to_delete(self) -> int:
        """The number of records to delete."""
        return len(self.of(Verdict.DELETE))

    @property
    def refused(self) -> int:
        """The number of records that are refused."""
        return len(self.of(Verdict.REFUSED))

    @property
    def skipped(self) -> int:
        """The number of records that are void in their source, and are not posted."""
        return len(self.of(Verdict.SKIPPED))

    @property
    def refusals(self) -> tuple[FindingCause, ...]:
        """Why records are refused: findings with one cause are together."""
        return tuple(causes(finding for record in self.of(Verdict.REFUSED) for finding in record.reasons))

    @property
    def counts(self) -> dict[Verdict, int]:
        """The number of records with each verdict that one has."""
        by_verdict = Counter(record.verdict for record in self.records)
        return {verdict: by_verdict[verdict] for verdict in Verdict if by_verdict[verdict]}

    @property
    def transactions(self) -> int:
        """API transactions that applying would cost: one for each record and one for its files; lines are free."""
        return sum(2 if record.write.attachments else 1 for record in self.of(*WRITTEN))

    @property
    def totals(self) -> tuple[Total, ...]:
        """The amounts of the records to write, by currency."""
        return added(total for record in self.of(*WRITTEN) for total in record.totals)

    @property
    def refused_rows(self) -> tuple[tuple[SourceRow, str], ...]:
        """Every input row of the refused records in the input's order, with the reason to write beside it."""
        return refused_rows(self.of(Verdict.REFUSED))

    def to_dict(self, wording: Callable[[str], str] = str) -> dict[str, Any]:
        """The plan for JSON; `wording` puts names of settings in the words of the program that shows it."""
        return {
            "source": self.source,
            "company": self.target.company,
            "environment": self.target.environment,
            "object": self.object,
            "transactions": self.transactions,
            "reads": self.reads,
            "totals": [total.to_dict() for total in self.totals],
            "unchecked": list(self.unchecked),
            "refusals": [
                {
                    "rows": list(cause.rows),
                    "column": cause.findings[0].column,
                    "message": cause.findings[0].message,
                    "fix": wording(cause.findings[0].fix),
                }
                for cause in self.refusals
            ],
            "records": [record.to_dict(wording) for record in self.records],
        }


def refused_rows(records: Iterable[PlannedRecord]) -> tuple[tuple[SourceRow, str], ...]:
    """The rows of refused records, each with the reasons that name it, or a note that another line is refused."""
    marked: list[tuple[SourceRow, str]] = []
    for record in records:
        by_position: dict[str, list[str]] = {}
        positions = {row.position for row in record.write.rows}
        for finding in record.reasons:
            text = finding.of_column
            place = finding.position if finding.position in positions else record.write.position
            by_position.setdefault(place, []).append(f"{text} ({finding.fix})" if finding.fix else text)
        otherwise = f"another line of {record.write.label} is refused"
        marked += [(row, "; ".join(by_position.get(row.position, ())) or otherwise) for row in record.write.rows]
    return tuple(sorted(marked, key=lambda pair: pair[0].number))
