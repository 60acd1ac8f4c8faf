"""The rules a record must meet before it is sent, each a function from a write and the known facts to findings.

A rule refuses what the gateway would refuse, in the input's own words, and nothing that it would accept. Rules only
look at values that could be read: what could not be is refused already, and is not complained about twice.

The rules that every object's own description gives: what must be there, what may not, what fits.

They hold a write against the catalogue of the company that it goes to. Money is never rounded here: the gateway would.

What the company's dimensions say of each other: a project's customer, an employee's department.

The company tells which dimension brings which along, and whether a transaction may say otherwise. A line that does is
refused where it may not, and advised about where it may, since that is more often a slip than a wish.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.company.references import References
from intacct_bridge.flow.company.writable import Subject
from intacct_bridge.flow.records.cells import cents_fix
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Finding, RecordLine, Write, WriteOperation
from intacct_bridge.model.catalog import FieldDef
from intacct_bridge.wire.values import Kind, Value
from intacct_bridge.wire.xml import Element, forbidden_character

_MULTI_PICK = "#~#"
_TAKEN_ANYWAY = ("AMOUNT",)
"""Read-only by its description, and taken all the same."""


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """One field of a header or line, with what is known of it."""

    name: str
    value: Value
    field: FieldDef
    column: str
    position: str
    own_key: bool
    older: bool
    """Whether the older function that makes the record takes the field."""


def check_fields(write: Write, subject: Subject) -> Iterator[Finding]:
    """Everything that the description of the object has to say about a write."""
    if write.operation is WriteOperation.DELETE:
        return
    if write.operation is WriteOperation.CREATE:
        yield from _missing(write, subject)
    else:
        yield from _emptied(write, subject)
    for place in _places(write, subject):
        for rule in (_readonly, _length, _listed, _cents):
            message, fix = rule(place)
            if message:
                yield Finding(rule.__name__.lstrip("_"), message, fix, place.column, place.position)
                break


def _missing(write: Write, subject: Subject) -> Iterator[Finding]:
    told = {finding.column for finding in write.findings}
    for name in subject.lookup.required:
        column = write.column(name)
        if not write.fields.get(name) and not write.lines.get(name) and column not in told and not _meant(name, write):
            line_set = subject.line_set(name)
            what = f"the {subject.name} has no lines ({name})" if line_set else f"{name} is missing"
            yield Finding("required", what, f"fill in {column}" if not line_set else "give at least one line",
                          column, write.position)  # fmt: skip


def _emptied(write: Write, subject: Subject) -> Iterator[Finding]:
    """What a record cannot be without, and an update would clear."""
    for name in subject.lookup.required:
        one = subject.field(name)
        if one is not None and one.required and name in write.fields and write.fields[name] is None:
            yield Finding("required", f"{name} cannot be emptied", "fill it in, or say nothing about the field",
                          write.column(name), write.position)  # fmt: skip


def _meant(name: str, write: Write) -> bool:
    """Whether an older name for the same field is given, as CUSTOMERID for CUSTVENDID."""
    others = {"CUSTVENDID": ("CUSTOMERID", "VENDORID")}.get(name, ())
    return any(write.fields.get(other) for other in others)


def _places(write: Write, subject: Subject) -> Iterator[FieldPlace]:
    makes = subject.create not in ("", "create") and write.operation is WriteOperation.CREATE
    new = write.operation is WriteOperation.CREATE
    older: Mapping[str, str] = subject.plan.fields if subject.plan and makes else {}
    for name, value in write.fields.items():
        one = subject.field(name)
        if one is not None:
            yield FieldPlace(
                name,
                value,
                one,
                write.column(name),
                write.position,
                name == subject.lookup.record_key and not new,
                name in older,
            )
    for wrapper, lines in write.lines.items():
        line_set = subject.line_set(wrapper)
        for line in lines if line_set is not None else ():
            for name, value in line.fields.items():
                one = line_set.field(name) if line_set else None
                if one is not None and line_set is not None:
                    key = name == "RECORDNO"
                    extra = name in line_set.extra and makes
                    yield FieldPlace(name, value, one, write.column(name), line.position, key, extra)


def _readonly(place: FieldPlace) -> tuple[str, str]:
    if not place.field.readonly or place.own_key or place.older or place.name in _TAKEN_ANYWAY:
        return "", ""
    return f"{place.name} is the company's own to set", "remove the column, or leave it empty"


def _length(place: FieldPlace) -> tuple[str, str]:
    most = place.field.max_length
    if not most or not isinstance(place.value, str) or len(place.value) <= most or place.field.values:
        return "", ""
    return f"the text has {len(place.value)} characters, {place.name} takes {most}", "shorten it"


def _listed(place: FieldPlace) -> tuple[str, str]:
    known = [value for value in place.field.values if value]
    if not known or not isinstance(place.value, str) or not place.value:
        return "", ""
    by_case = {value.casefold() for value in known}
    bad = [part for part in place.value.split(_MULTI_PICK) if part.casefold() not in by_case]
    if not bad:
        return "", ""
    shown = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
    return f"{bad[0]!r} is no value of {place.name}", f"use one of {shown}"


def _cents(place: FieldPlace) -> tuple[str, str]:
    money = place.field.kind is Kind.CURRENCY or place.name.endswith("AMOUNT")
    if not money or not isinstance(place.value, Decimal):
        return "", ""
    text = format(place.value, "f")
    if not text.partition(".")[2].rstrip("0")[2:]:
        return "", ""
    return f"{text} has more than two decimals", cents_fix(text)


_LEADING = ("PROJECT", "EMPLOYEE")
"""Dimensions that others follow from by their own fields, which references read with them."""
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "DEPARTMENT": ("DEPARTMENTID", "DEPARTMENT"),
    "LOCATION": ("LOCATIONID", "LOCATION"),
    **{name: (f"{name}ID",) for name in (*_LEADING, "CUSTOMER", "VENDOR", "ITEM", "CLASS", "WAREHOUSE", "CONTRACT")},
}


@dataclass(frozen=True, slots=True)
class DimensionRelation:
    """One dimension that follows from another."""

    dimension: str
    related: str
    override: bool
    """Whether a transaction may say otherwise."""


def relations_for(writes: Iterable[Write], company: Gateway, unchecked: list[str]) -> tuple[DimensionRelation, ...]:
    """The relationships, asked for once where a line names two dimensions that may follow from each other."""
    if not _concerned(writes):
        return ()
    try:
        return relations(company)
    except (NotPermittedError, RefusedError, InvalidRequestError) as error:
        unchecked.append(f"dimension relationships: {error.message}")
        return ()


def _concerned(writes: Iterable[Write]) -> bool:
    """Whether any line names a dimension together with one that may follow from it."""
    return any(
        sum(bool(_said(line, name)[1]) for name in _FIELDS) > 1 and any(_said(line, name)[1] for name in _LEADING)
        for write in writes
        for line in write.all_lines
    )


def relations(company: Gateway) -> tuple[DimensionRelation, ...]:
    """The relationships that the company fills in by itself."""
    data = company.ask(Element("getDimensionRelationships")).data
    return tuple(_relations(data.children if data is not None else ()))


def _relations(told: Iterable[Element]) -> Iterator[DimensionRelation]:
    for one in told:
        if one.findtext("autofillrelated").strip() == "true":
            override = one.findtext("enableoverride").strip() != "false"
            for related in one.findall("related"):
                names = (one.findtext("dimension").strip().upper(), related.findtext("dimension").strip().upper())
                yield DimensionRelation(*names, override)


def conflicts(write: Write, known: Iterable[DimensionRelation], references: References) -> Iterator[Finding]:
    """Lines that say another value than the one that follows."""
    for line in write.all_lines:
        for one in known:
            if one.dimension not in _LEADING or one.related not in _FIELDS:
                continue
            _, leading = _said(line, one.dimension)
            field, said = _said(line, one.related)
            found = references.known(one.dimension).get(leading)
            follows = comparable(found.row.get(f"{one.related}ID")) if found is not None else ""
            if said and follows and said != follows:
                message = f"{one.dimension.lower()} {leading} goes with {one.related.lower()} {follows}, not {said}"
                fix = "leave it out, or correct one of them" if not one.override else ""
                yield Finding("relationship", message, fix, write.column(field), line.position,
                              refuses=not one.override)  # fmt: skip


def _said(line: RecordLine, dimension: str) -> tuple[str, str]:
    """The field that a line names a dimension in, and what it says."""
    fields = _FIELDS.get(dimension, ())
    return next(((name, text) for name in fields if (text := comparable(line.fields.get(name)))), ("", ""))


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
    relations: tuple[DimensionRelation, ...] = ()
    """Dimensions that follow from others, where a line names both."""

    def entities_of(self, write: Write) -> list[str]:
        """The entities that a write's lines are for."""
        if self.entity:
            return [self.entity]
        named = {self.entity_of(_location(line)) for line in write.all_lines}
        return sorted(named & self.entities.keys())

    def statistical(self, write: Write) -> bool:
        """Whether a journal entry counts things: it has one side, and no currency."""
        known = self.references.known("GLJOURNAL").get(comparable(write.fields.get("JOURNAL")))
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
            location = comparable(one.row.get("PARENTID"))
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
        by = "reference" if write.identity.kind != "source" else "key, which identifies entries and not their lines"
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
        entity = facts.entity_of(comparable(line.fields.get("LOCATION")))
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
        account = comparable(line.fields.get("ACCOUNTNO"))
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
    whole = write.operation is WriteOperation.CREATE or write.lines
    rules = (*EVERYWHERE, *(RULES.get(write.object, ()) if whole else ()))
    said = tuple(finding for rule in rules for finding in rule(write, facts))
    subject = facts.subjects.get(write.object)
    return said if subject is None else (*said, *check_fields(write, subject))


def _differences(lines: Iterable[RecordLine], name: str) -> dict[str, Decimal]:
    """Debits less credits by the value of a field; empty where a line's amount could not be read."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        if "TR_TYPE" not in line.fields:
            return {}
        key = comparable(line.fields.get(name))
        sums[key] = sums.get(key, Decimal(0)) + _signed(line)
    return sums


def _location(line: RecordLine) -> str:
    return next((comparable(line.fields[name]) for name in _LOCATIONS if line.fields.get(name)), "")


def _unsided(write: Write) -> bool:
    return any("TR_TYPE" not in line.fields for line in write.all_lines)


def _signed(line: RecordLine) -> Decimal:
    amount, side = line.fields.get("TRX_AMOUNT"), line.fields.get("TR_TYPE")
    return amount * side if isinstance(amount, Decimal) and isinstance(side, int) else Decimal(0)
