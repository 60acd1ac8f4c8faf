"""The rules a record must meet before it is sent, each a function from a write and the known facts to findings.

A rule refuses what the gateway would refuse, in the input's own words, and nothing that it would accept. Rules only
look at values that could be read: what could not be is refused already, and is not complained about twice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from intacct_bridge.flow.company.find_by_key import trace_text
from intacct_bridge.flow.company.references import References
from intacct_bridge.flow.company.writable import Subject
from intacct_bridge.flow.plan.check_fields import check_fields
from intacct_bridge.flow.plan.relationships import Relation, conflicts
from intacct_bridge.flow.records.write import Finding, Line, Operation, Write
from intacct_bridge.wire.xml import forbidden_character

_REQUIRED = {
    "REQUIREDEPT": ("DEPARTMENT", "DEPARTMENTID"),
    "REQUIRELOC": ("LOCATION", "LOCATIONID"),
    "REQUIREPROJECT": ("PROJECTID",),
    "REQUIRECUSTOMER": ("CUSTOMERID",),
    "REQUIREVENDOR": ("VENDORID",),
    "REQUIREEMPLOYEE": ("EMPLOYEEID",),
    "REQUIREITEM": ("ITEMID",),
    "REQUIRECLASS": ("CLASSID",),
}
"""What an account asks of its lines, by the names that the field has on lines: those of journals, and all others."""
_LOCATIONS = ("LOCATION", "LOCATIONID")
_POSTED_ON = {
    "GLBATCH": ("BATCH_DATE",),
    "EEXPENSES": ("WHENPOSTED",),
    "APPYMT": ("PAYMENTDATE",),
    "ARPYMT": ("RECEIPTDATE",),
    "ARADVANCE": ("RECEIPTDATE",),
}
_DOCUMENT_DAYS = ("WHENPOSTED", "WHENCREATED")
"""A document posts on its posting date, and where it has none on its own."""


@dataclass(frozen=True, slots=True)
class EntityFacts:
    """What the rules know of one entity."""

    opened: date | None = None
    """The first day that is open for posting."""
    currency: str = ""
    """The currency its books are kept in."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules know of the company."""

    references: References
    entities: Mapping[str, EntityFacts] = field(default_factory=dict)
    """Empty where there are no entities or they could not be read."""
    entity: str = ""
    """The entity we are signed in to."""
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    """Descriptions of the objects that are written, by name."""
    relations: tuple[Relation, ...] = ()
    """Dimensions that follow from others, where a line names both."""

    def entities_of(self, write: Write) -> list[str]:
        """The entities that a write's lines are for."""
        if self.entity:
            return [self.entity]
        named = {self.entity_of(_location(line)) for line in write.all_lines}
        return sorted(named & self.entities.keys())

    def statistical(self, write: Write) -> bool:
        """Whether a journal entry counts things: it has one side, and no currency."""
        known = self.references.known("GLJOURNAL").get(trace_text(write.fields.get("JOURNAL")))
        return known is not None and known.object == "STATJOURNAL"

    def entity_of(self, location: str) -> str:
        """The entity that a location belongs to, by its parents; empty where that is unknown."""
        known = self.references.known("LOCATION")
        for _ in range(len(known) + 1):
            if location in self.entities:
                return location
            one = known.get(location)
            if one is None:
                return ""
            location = trace_text(one.row.get("PARENTID"))
        return ""


Rule = Callable[[Write, Facts], Iterable[Finding]]


def characters(write: Write, _: Facts) -> Iterator[Finding]:
    """No text holds a character that XML cannot carry."""
    places = [(write.fields, write.position), *((line.fields, line.position) for line in write.all_lines)]
    for fields, position in places:
        for name, value in fields.items():
            bad = forbidden_character(value) if isinstance(value, str) else None
            if bad is not None:
                message = f"the text holds the control character U+{ord(bad):04X}"
                yield Finding("characters", message, "remove it", write.column(name), position)


def relationships(write: Write, facts: Facts) -> Iterator[Finding]:
    """No line says another dimension than the one that follows from its others."""
    yield from conflicts(write, facts.relations, facts.references)


def two_lines(write: Write, facts: Facts) -> Iterator[Finding]:
    """A journal entry has at least two lines."""
    if len(list(write.all_lines)) < 2 and not facts.statistical(write):
        message = "a journal entry has at least two lines, this one has one"
        by = "reference" if write.identity.kind != "source" else "--key, which tells entries apart and not their lines"
        fix = f"add the other side, with the same journal, date, title and {by}"
        yield Finding("lines", message, fix, position=write.position)


def balance(write: Write, facts: Facts) -> Iterator[Finding]:
    """Debits equal credits in each currency."""
    if facts.statistical(write):
        return
    for currency, difference in _differences(write.all_lines, "CURRENCY").items():
        if difference:
            unit = f" {currency}" if currency else ""
            over, under = ("debits", "credits") if difference > 0 else ("credits", "debits")
            message = f"the entry does not balance: {over} exceed {under} by {abs(difference):f}{unit}"
            yield Finding("balance", message, "correct the amounts", write.column("TRX_AMOUNT"), write.position)


def entity_balance(write: Write, facts: Facts) -> Iterator[Finding]:
    """Advice where an entity does not balance by itself: the company adds inter-entity lines if it is set up for it."""
    if len(facts.entities) < 2 or facts.entity or _unsided(write) or facts.statistical(write):
        return
    by_entity: dict[str, Decimal] = {}
    for line in write.all_lines:
        entity = facts.entity_of(trace_text(line.fields.get("LOCATION")))
        by_entity[entity] = by_entity.get(entity, Decimal(0)) + _signed(line)
    open_ones = [f"{entity or 'no entity'} by {total:f}" for entity, total in sorted(by_entity.items()) if total]
    if len(open_ones) > 1:
        message = f"entities do not balance by themselves ({', '.join(open_ones)}); inter-entity lines will be added"
        yield Finding("entity balance", message, column=write.column("LOCATION"), position=write.position,
                      refuses=False)  # fmt: skip


def dimensions(write: Write, facts: Facts) -> Iterator[Finding]:
    """Each line has the dimensions that its account requires."""
    accounts = facts.references.known("GLACCOUNT")
    for line in write.all_lines:
        account = trace_text(line.fields.get("ACCOUNTNO"))
        known = accounts.get(account)
        if known is None:
            continue
        for flag, names in _REQUIRED.items():
            if known.row.get(flag) is True and not any(line.fields.get(name) for name in names):
                column = next((write.columns[name] for name in names if name in write.columns), names[-1])
                message = f"account {account} requires a {names[0].removesuffix('ID').lower()}"
                yield Finding("dimension", message, f"fill in {column}", column, line.position)


def location(write: Write, facts: Facts) -> Iterator[Finding]:
    """At the top level of a company with entities every line says which location it is for."""
    if not facts.entities or facts.entity:
        return
    for line in write.all_lines:
        if not line.fields.get("LOCATION"):
            column = write.column("LOCATION")
            message = "a company with entities needs a location on every line"
            yield Finding("location", message, f"fill in {column}, or sign in to the entity", column, line.position)


def open_period(write: Write, facts: Facts) -> Iterator[Finding]:
    """The posting date is not before the day from which the books of each entity concerned are open."""
    days = _POSTED_ON.get(write.object, _DOCUMENT_DAYS)
    said = {**write.known, **write.fields}
    name, posted = next(((name, day) for name in days if type(day := said.get(name)) is date), ("", None))
    if posted is None:
        return
    entities = facts.entities_of(write)
    days_open = [one.opened for one in facts.entities.values()]
    if not entities and days_open and all(day is not None and posted < day for day in days_open):
        message = f"{posted} is in a closed period, whichever entity it is for"
        yield Finding("period", message, "use a later date, or have the period reopened",
                      write.column(name), write.position)  # fmt: skip
    for entity in entities:
        opened = facts.entities[entity].opened if entity in facts.entities else None
        if opened is not None and posted < opened:
            message = f"{posted} is in a closed period: the books of {entity} are open from {opened}"
            yield Finding("period", message, "use a later date, or have the period reopened",
                          write.column(name), write.position)  # fmt: skip
            return


def one_base_currency(write: Write, facts: Facts) -> Iterator[Finding]:
    """Entities that keep their books in different currencies do not meet in one entry."""
    known = [entity for entity in facts.entities_of(write) if entity in facts.entities]
    currencies = {facts.entities[entity].currency: entity for entity in known if facts.entities[entity].currency}
    if len(currencies) > 1:
        kept = " and ".join(f"{entity} in {currency}" for currency, entity in sorted(currencies.items()))
        message = f"the entry has lines in entities with books in different currencies: {kept}"
        yield Finding("base currency", message, "make one entry for each", write.column("LOCATION"), write.position)


_POSTING: tuple[Rule, ...] = (dimensions, open_period)
RULES: Mapping[str, tuple[Rule, ...]] = {
    "GLBATCH": (two_lines, balance, location, dimensions, open_period, one_base_currency, entity_balance),
    "APBILL": _POSTING,
    "APADJUSTMENT": _POSTING,
    "ARINVOICE": _POSTING,
    "ARADJUSTMENT": _POSTING,
    "EEXPENSES": _POSTING,
    "CCTRANSACTION": _POSTING,
    "OTHERRECEIPTS": _POSTING,
    "APPYMT": (open_period,),
    "ARPYMT": (open_period,),
    "ARADVANCE": _POSTING,
}
EVERYWHERE: tuple[Rule, ...] = (characters, relationships)


def check(write: Write, facts: Facts) -> tuple[Finding, ...]:
    """Everything the rules have to say about a write."""
    whole = write.operation is Operation.CREATE or write.lines
    rules = (*EVERYWHERE, *(RULES.get(write.object, ()) if whole else ()))
    said = tuple(finding for rule in rules for finding in rule(write, facts))
    subject = facts.subjects.get(write.object)
    return said if subject is None else (*said, *check_fields(write, subject))


def _differences(lines: Iterable[Line], name: str) -> dict[str, Decimal]:
    """Debits less credits by the value of a field; empty where a line's amount could not be read."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        if "TR_TYPE" not in line.fields:
            return {}
        key = trace_text(line.fields.get(name))
        sums[key] = sums.get(key, Decimal(0)) + _signed(line)
    return sums


def _location(line: Line) -> str:
    return next((trace_text(line.fields[name]) for name in _LOCATIONS if line.fields.get(name)), "")


def _unsided(write: Write) -> bool:
    return any("TR_TYPE" not in line.fields for line in write.all_lines)


def _signed(line: Line) -> Decimal:
    amount, side = line.fields.get("TRX_AMOUNT"), line.fields.get("TR_TYPE")
    return amount * side if isinstance(amount, Decimal) and isinstance(side, int) else Decimal(0)
