"""The write plan as a value: the verdict on every record, with reasons, totals and cost.

What an outbox remembers of writes, and whether it remembers all that a plan relies on.

A plan's "in doubt" and "posted by an earlier run" are the word of the outbox that it was made with. Through another one
such a record would be new, and would be sent a second time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.company.gateway import Whereabouts
from intacct_bridge.flow.outbox.entry import OutboxEntry, WriteTarget
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.changes import Change, Mode
from intacct_bridge.flow.records.tables import SourceRow
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Finding, Receipt, Write, WriteOperation


class Verdict(StrEnum):
    """What applying the plan would do with a record."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"
    """Sent by an earlier run that got no answer; applying looks for it before anything else."""


WRITTEN = (Verdict.CREATE, Verdict.UPDATE, Verdict.DELETE)
"""Verdicts that cost a transaction."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One record with its verdict and the reasons."""

    write: Write
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    receipt: Receipt | None = None
    """Of an earlier run, where that posted the record."""
    since: datetime | None = None
    """When that was."""
    changes: tuple[Change, ...] = ()
    """What an update would change."""

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """Why it is refused."""
        return tuple(finding for finding in self.findings if finding.refuses)


@dataclass(frozen=True, slots=True)
class Total:
    """The amounts of lines in one currency."""

    currency: str
    """Empty for the company's own."""
    debit: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    """Of lines that are on neither side, such as a bill's."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a person needs to say yes, and everything apply needs to do it."""

    where: Whereabouts
    object: str
    source: str
    """The input's name."""
    columns: tuple[str, ...]
    records: tuple[Planned, ...]
    reads: int
    """API transactions that planning cost."""
    notes: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    """Rules that could not be checked, with the reason."""

    def of(self, *verdicts: Verdict) -> tuple[Planned, ...]:
        """The records with these verdicts."""
        return tuple(planned for planned in self.records if planned.verdict in verdicts)

    @property
    def transactions(self) -> int:
        """API transactions that applying would cost: one for each record and one for its files, lines are free."""
        return sum(2 if planned.write.attachments else 1 for planned in self.of(*WRITTEN))

    @property
    def totals(self) -> tuple[Total, ...]:
        """The amounts of what would be written, by currency."""
        return totals(planned.write for planned in self.of(Verdict.CREATE, Verdict.UPDATE))

    @property
    def refused_rows(self) -> tuple[tuple[SourceRow, str], ...]:
        """Every input row of the refused records in the input's order, with the reason to write beside it."""
        return refused_rows(self.of(Verdict.REFUSED))


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """How to plan."""

    offline: bool = False
    """Ask the company nothing; the rules that need it are named as unchecked."""
    allow_duplicates: bool = False
    """Let records pass that the company already holds under the same key, with advice instead of a refusal."""
    mode: Mode = Mode.CREATE
    match: tuple[str, ...] = ()
    """Fields by which the company's record is found, where its own key is not what the input knows it by."""


def place_of(where: Whereabouts, write: Write) -> WriteTarget:
    """Where a write goes, as the outbox keys it: in one case, however the connection writes it."""
    return WriteTarget(where.company, where.entity.casefold(), write.operation, write.object)


def totals(writes: Iterable[Write]) -> tuple[Total, ...]:
    """The amounts by currency: debits, credits, and those on neither side."""
    sums: dict[str, dict[str, Decimal]] = {}
    for write in writes:
        for line in write.all_lines:
            amount, side = line.fields.get("TRX_AMOUNT"), line.fields.get("TR_TYPE")
            if isinstance(amount, Decimal):
                currency = comparable(line.fields.get("CURRENCY") or write.fields.get("CURRENCY"))
                kind = {"1": "debit", "-1": "credit"}.get(str(side), "amount")
                held = sums.setdefault(currency, {})
                held[kind] = held.get(kind, Decimal(0)) + amount
    return tuple(Total(currency, **amounts) for currency, amounts in sorted(sums.items()))


def refused_rows(records: Iterable[Planned]) -> tuple[tuple[SourceRow, str], ...]:
    """The rows of refused records, each with the reasons that name it, or that its record was refused elsewhere."""
    marked: list[tuple[SourceRow, str]] = []
    for planned in records:
        here: dict[str, list[str]] = {}
        for finding in planned.reasons:
            text = f"{finding.column}: {finding.message}" if finding.column else finding.message
            here.setdefault(finding.position, []).append(f"{text} ({finding.fix})" if finding.fix else text)
        elsewhere = f"another line of {planned.write.label} is refused"
        marked += [(row, "; ".join(here.get(row.position, ())) or elsewhere) for row in planned.write.rows]
    return tuple(sorted(marked, key=lambda pair: pair[0].number))


def remembered(outbox: Outbox, where: Whereabouts, writes: Sequence[Write]) -> list[OutboxEntry | None]:
    """The newest entry of each write in its place, or None."""
    places = [(place_of(where, write), write.identity.text) for write in writes]
    found = outbox.latest(places)
    return [found.get(place) for place in places]


def check_remembered(plan: Plan, where: Whereabouts, outbox: Outbox) -> None:
    """Refuse a plan that relies on records which this outbox does not have."""
    for entity in dict.fromkeys(planned.write.entity for planned in plan.records):
        relied = [one for one in plan.records if one.write.entity == entity and _relies(one)]
        here = replace(where, entity=entity or where.entity)
        entries = remembered(outbox, here, [one.write for one in relied])
        for planned, entry in zip(relied, entries, strict=True):
            if entry is None:
                sent = "sent without an answer" if planned.verdict is Verdict.IN_DOUBT else "posted"
                place = f"{planned.write.position}: " if planned.write.position else ""
                raise SettingsError(
                    f"{place}{planned.write.label} was {sent} by an earlier run, says the plan, "
                    f"and the outbox {outbox.path} does not know of it",
                    fix="apply the plan with the outbox it was made with, or make a new plan with this one",
                )


def _relies(planned: Planned) -> bool:
    """Whether the verdict is the outbox's word; what an update would leave as it is, the company itself has said."""
    created = planned.write.operation is WriteOperation.CREATE
    return planned.verdict is Verdict.IN_DOUBT or (planned.verdict is Verdict.UNCHANGED and created)
