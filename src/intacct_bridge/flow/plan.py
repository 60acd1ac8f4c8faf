"""The write plan: what a load would do, record by record, before anything is sent.

Planning reads the company (and counts what that costs) but writes nothing. A record is refused whole if any of its
lines is; the others go on. What an earlier run posted is unchanged, what it left in doubt is named as such, and the
same identity with other content is a conflict for a person to decide, never a second post.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.check import EntityFacts, Facts, check
from intacct_bridge.flow.company import Company, Whereabouts
from intacct_bridge.flow.entry import Entry, Place, Receipt, State
from intacct_bridge.flow.layout import Layout
from intacct_bridge.flow.outbox import Outbox
from intacct_bridge.flow.resolve import References, resolve
from intacct_bridge.flow.sighting import Sighting, key_of, look, trace_text, trace_values
from intacct_bridge.flow.table import SourceRow, Table
from intacct_bridge.flow.trace import trace_of
from intacct_bridge.flow.write import Finding, Operation, Write
from intacct_bridge.model.query import Query


class Verdict(StrEnum):
    """What applying the plan would do with a record."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"
    """Sent by an earlier run that got no answer; applying looks for it before anything else."""


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

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """Why it is refused."""
        return tuple(finding for finding in self.findings if finding.refuses)


@dataclass(frozen=True, slots=True)
class Total:
    """Debits and credits in one currency."""

    currency: str
    """Empty for the company's own."""
    debit: Decimal
    credit: Decimal


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
        """API transactions that applying would cost: one for each record, its lines are free."""
        return len(self.of(Verdict.CREATE, Verdict.UPDATE))

    @property
    def totals(self) -> tuple[Total, ...]:
        """Debits and credits of what would be written, by currency."""
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


def make_plan(
    table: Table, layout: Layout, company: Company, outbox: Outbox, settings: PlanSettings = PlanSettings()
) -> Plan:
    """Read an input and decide on each of its records."""
    notes = (*table.notes, *layout.notes(table))
    empty = Plan(Whereabouts.of(company.connection), layout.object, table.path.name, table.columns, (), 0, notes)
    return _Planner(company, outbox, settings).plan(layout.read(table), empty)


def confirm_plan(plan: Plan, company: Company, outbox: Outbox) -> Plan:
    """A plan made earlier, checked again: its records, and the references and periods that they rely on, no others.

    What was posted meanwhile is unchanged now. InvalidRequestError where the plan is for other books, or where a record
    that was to be written must not be any more.
    """
    where = Whereabouts.of(company.connection)
    if (where.company, where.entity) != (plan.where.company, plan.where.entity):
        raise InvalidRequestError(
            f"the plan is for company {plan.where.company}, entity {plan.where.entity or 'none'}, and this connection "
            f"for company {where.company}, entity {where.entity or 'none'}",
            fix="use the connection that the plan was made with",
        )
    writes = [replace(planned.write, findings=()) for planned in plan.records if planned.verdict is not Verdict.REFUSED]
    now = _Planner(company, outbox, PlanSettings()).plan(writes, replace(plan, where=where, records=(), unchecked=()))
    moved = now.of(Verdict.REFUSED)
    if moved:
        raise InvalidRequestError(
            f"the company is not as it was planned for: {moved[0].reasons[0]}"
            + (f" (and {len(moved) - 1} more records)" if len(moved) > 1 else ""),
            fix="make a new plan and look at it",
        )
    return now


def place_of(where: Whereabouts, write: Write) -> Place:
    """Where a write goes, as the outbox keys it."""
    return Place(where.company, where.entity, write.operation, write.object)


class _Planner:
    """Carries what is known from step to step."""

    def __init__(self, company: Company, outbox: Outbox, settings: PlanSettings) -> None:
        self._company = company
        self._outbox = outbox
        self._settings = settings
        self._where = Whereabouts.of(company.connection)
        self._references = References(company)
        self._unchecked: list[str] = []

    def plan(self, writes: Iterable[Write], empty: Plan) -> Plan:
        before = self._company.meter.transactions
        single = _without_doubles(writes)
        places = [(place_of(self._where, write), write.identity.text) for write in single]
        known = self._outbox.latest(places)
        records = [self._from_outbox(write, known.get(place)) for write, place in zip(single, places, strict=True)]
        records = self._without_duplicates(self._checked(records))
        unchecked = [f"references to {target}: {reason}" for target, reason in self._references.unchecked.items()]
        return replace(
            empty,
            records=tuple(records),
            reads=self._company.meter.transactions - before,
            unchecked=(*self._unchecked, *unchecked),
        )

    def _from_outbox(self, write: Write, entry: Entry | None) -> Planned:
        """What earlier runs say about a record."""
        if entry is None or entry.state not in (State.APPLIED, State.SENT, State.IN_DOUBT):
            return Planned(write, Verdict.CREATE, write.findings)
        if entry.digest != write.digest:
            when = (entry.sent_at or entry.planned_at).date()
            state = "posted" if entry.state is State.APPLIED else "sent (its outcome is in doubt)"
            record = f" as {write.object} {entry.receipt.record}" if entry.receipt and entry.receipt.record else ""
            finding = Finding(
                "conflict",
                f"{write.label} was {state} on {when}{record} with other content",
                "change the record in Intacct, or give this one a reference of its own",
                position=write.position,
            )
            return Planned(write, Verdict.REFUSED, (*write.findings, finding), entry.receipt, entry.sent_at)
        verdict = Verdict.UNCHANGED if entry.state is State.APPLIED else Verdict.IN_DOUBT
        return Planned(write, verdict, write.findings, entry.receipt, entry.sent_at)

    def _checked(self, records: Sequence[Planned]) -> list[Planned]:
        """The records with every rule applied to those that would be written."""
        fresh = [planned.write for planned in records if planned.verdict is Verdict.CREATE]
        if fresh and not self._settings.offline:
            self._references.learn(fresh)
        elif fresh:
            self._unchecked.append("references, dimensions, locations, open period, duplicates: the plan is offline")
        facts = self._facts() if fresh else Facts(self._references)
        return [self._judged(planned, facts) for planned in records]

    def _judged(self, planned: Planned, facts: Facts) -> Planned:
        if planned.verdict is not Verdict.CREATE:
            return planned
        write = planned.write if self._settings.offline else resolve(planned.write, self._references)
        return _decided(replace(planned, write=write, findings=(*write.findings, *check(write, facts))))

    def _facts(self) -> Facts:
        where = self._where.entity
        if self._settings.offline:
            return Facts(self._references, entity=where)
        entities: dict[str, EntityFacts] = {}
        try:
            described = self._company.describe("LOCATIONENTITY")
            wanted = ("LOCATIONID", "STARTOPEN", "CURRENCY")
            select = tuple(name for name in wanted if described.get(name) is not None)
            for row in self._company.query(Query("LOCATIONENTITY", select)):
                day = row.get("STARTOPEN")
                opened = day if isinstance(day, date) else None
                entities[trace_text(row.get("LOCATIONID"))] = EntityFacts(opened, trace_text(row.get("CURRENCY")))
        except (NotPermittedError, RefusedError) as error:
            self._unchecked.append(f"entities and open periods: {error.message}")
        return Facts(self._references, entities, where)

    def _without_duplicates(self, records: Sequence[Planned]) -> list[Planned]:
        """The records, those that the company already holds under the same key refused (or advised about)."""
        fresh = [planned for planned in records if planned.verdict is Verdict.CREATE]
        if self._settings.offline or not fresh:
            return list(records)
        trace = trace_of(fresh[0].write.object)
        values = {planned.write.position: _loose(trace.key, planned.write) for planned in fresh}
        seen = look(self._company, trace, values.values())
        done = []
        for planned in records:
            found = seen.get(key_of(trace, values.get(planned.write.position, {})), [])
            found = [sighting for sighting in found if not sighting.copy]
            if planned.verdict is Verdict.CREATE and found:
                planned = _decided(self._duplicate(planned, found))  # noqa: PLW2901
            done.append(planned)
        return done

    def _duplicate(self, planned: Planned, found: Sequence[Sighting]) -> Planned:
        write = planned.write
        keys = ", ".join(sighting.record for sighting in found[:5])
        finding = Finding(
            "duplicate",
            f"the company has {write.label} already ({write.object} {keys}, by {found[0].creator or 'somebody'})",
            "remove it from the input, give it a reference of its own, or allow duplicates",
            position=write.position,
            refuses=not self._settings.allow_duplicates,
        )
        return replace(planned, findings=(*planned.findings, finding))


def _loose(key: Iterable[str], write: Write) -> Mapping[str, str]:
    """A record's key values, the empty ones included: for a warning they need not be proof."""
    strict = trace_values(trace_of(write.object), write.fields)
    return strict or {name: trace_text(write.fields.get(name)) for name in key}


def _decided(planned: Planned) -> Planned:
    return replace(planned, verdict=Verdict.REFUSED) if planned.reasons else planned


def _without_doubles(writes: Iterable[Write]) -> list[Write]:
    """The writes; one whose identity an earlier one of the same input has is refused for it."""
    first: dict[tuple[Operation, str, str], Write] = {}
    done: list[Write] = []
    for write in writes:
        earlier = first.setdefault((write.operation, write.object, write.identity.text), write)
        if earlier is not write:
            finding = Finding(
                "double",
                f"{write.label} is in the input twice; the first is at {earlier.position}",
                "remove one of them, or give them references of their own",
                position=write.position,
            )
            write = replace(write, findings=(*write.findings, finding))  # noqa: PLW2901
        done.append(write)
    return done


def totals(writes: Iterable[Write]) -> tuple[Total, ...]:
    """Debits and credits by currency."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for write in writes:
        for line in write.all_lines:
            amount, side = line.fields.get("TRX_AMOUNT"), line.fields.get("TR_TYPE")
            if isinstance(amount, Decimal):
                currency = trace_text(line.fields.get("CURRENCY"))
                debit, credit = sums.get(currency, (Decimal(0), Decimal(0)))
                sums[currency] = (debit + amount, credit) if side == 1 else (debit, credit + amount)
    return tuple(Total(currency, *sides) for currency, sides in sorted(sums.items()))


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
