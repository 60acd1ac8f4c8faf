"""The rules that a record must meet before it is sent, each a function from a write and the known facts to findings.

A rule refuses what the gateway would refuse, in the input's own words, and nothing that the gateway would accept. Rules
look only at values that could be read; an unreadable cell has a finding already.

Three sources give rules: the accounting of the object (a journal entry balances), the object's own description in the
company's catalogue (required, read-only and listed fields, lengths; money is never rounded here, since the gateway
would round it), and the company's dimension relationships (a project's customer, an employee's department). A line that
contradicts a relationship is refused where the company forbids it. Where the company allows it there is a warning,
because it is more often a slip than a wish.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RecordError, RefusedError
from intacct_bridge.flow.company.references import KnownRecord, References
from intacct_bridge.flow.company.writable import WritableObject
from intacct_bridge.flow.layouts.fields import is_money
from intacct_bridge.flow.records.lookup_keys import lookup_keys_of
from intacct_bridge.flow.records.values import comparable, number_text
from intacct_bridge.flow.records.write import AMOUNTS, Finding, RecordLine, Write, WriteOperation
from intacct_bridge.flow.tables.cells import SignedAmount, cents_fix, currency_sign, may_be, read_money
from intacct_bridge.flow.tables.source_row import SourceRow
from intacct_bridge.model.catalog import FieldDef
from intacct_bridge.model.wording import amount_shown, currency_decimals
from intacct_bridge.wire.values import Value
from intacct_bridge.wire.xml import Element, forbidden_character


@dataclass(frozen=True, slots=True)
class EntityFacts:
    """What the rules know of one entity."""

    opened: date | None = None
    """The first date that is open for posting."""
    currency: str = ""
    """The base currency of its books."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules know of the company."""

    references: References
    entities: Mapping[str, EntityFacts] = field(default_factory=dict)
    """Empty where the company has no entities or they could not be read."""
    entity: str = ""
    """The entity that the connection is signed in to."""
    writable: WritableObject | None = None
    """The description of the object that is written."""
    relations: tuple["DimensionRelation", ...] = ()
    """Dimensions that follow from others, where a line names both."""
    base_currency: str = ""
    """The company's base currency; empty where it has several, or nothing needs it."""
    signed: bool = True
    """Whether an amount of the input may have the sign of a currency."""
    _required: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict, init=False, compare=False)
    _entities: dict[str, str] = field(default_factory=dict, init=False, compare=False)
    """Entities by location."""

    def required_of(self, account: KnownRecord) -> tuple[tuple[str, ...], ...]:
        """The dimensions that an account requires, each by its fields' names."""
        found = self._required.get(account.id)
        if found is None:
            found = tuple(names for flag, names in _REQUIRED.items() if account.row.get(flag) is True)
            self._required[account.id] = found
        return found

    def entities_of(self, write: Write) -> list[str]:
        """The entities that a write's lines are for."""
        if self.entity:
            return [self.entity]
        named = {self.entity_of(location_of(line)) for line in write.all_lines}
        return sorted(named & self.entities.keys())

    def is_statistical(self, write: Write) -> bool:
        """Whether a journal entry has quantities instead of amounts: it has one side, and no currency."""
        journal = self.references.known("GLJOURNAL").get(comparable(write.fields.get("JOURNAL")))
        return journal is not None and journal.object == "STATJOURNAL"

    def entity_of(self, location: str) -> str:
        """The entity that a location belongs to, by its parents; empty where that is unknown."""
        found = self._entities.get(location)
        if found is None:
            self._entities[location] = found = self._entity_above(location)
        return found

    def _entity_above(self, location: str) -> str:
        locations = self.references.known("LOCATION")
        for _ in range(len(locations) + 1):
            if location in self.entities:
                return location
            one = locations.get(location)
            if one is None:
                return ""
            location = comparable(one.row.get("PARENTID"))
        return ""


Rule = Callable[[Write, Facts], Iterable[Finding]]


def check(write: Write, facts: Facts, refused_columns: Iterable[str] = ()) -> Iterator[Finding]:
    """The findings of all rules; a missing field is not reported for a column that has a finding already."""
    as_a_whole = write.operation is WriteOperation.CREATE or write.lines
    for rule in (*EVERYWHERE, *(RULES.get(write.object, ()) if as_a_whole else ())):
        yield from rule(write, facts)
    if facts.writable is not None and facts.writable.name == write.object:
        yield from check_fields(write, facts.writable, refused_columns)


# --- by the accounting of the object

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
"""The dimensions that an account requires, by the names that the field has on the lines of journals and of others."""
_LOCATIONS = ("LOCATION", "LOCATIONID")
_POSTING_DATES = {
    "GLBATCH": ("BATCH_DATE",),
    "EEXPENSES": ("WHENPOSTED",),
    "APPYMT": ("PAYMENTDATE",),
    "ARPYMT": ("RECEIPTDATE",),
    "ARADVANCE": ("RECEIPTDATE",),
}
_DOCUMENT_DATES = ("WHENPOSTED", "WHENCREATED")
"""A document posts on its posting date; without one, on its own date."""


_RATES = frozenset(("EXCHANGE_RATE", "EXCHRATE", "FROM_ACCOUNT_EXCHANGE_RATE"))
_INVISIBLE = frozenset("\u00ad\u034f\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff")
"""Characters without a form of their own; joiners are left out, since some scripts and emoji need them."""
_LATIN = re.compile(r"[A-Za-z]")
_FOREIGN = re.compile("[\u0391-\u03a9\u03bf\u0400-\u04ff]")
"""Greek capitals and Cyrillic letters: many look like Latin ones."""


def texts(write: Write, facts: Facts) -> Iterator[Finding]:
    """The rules on characters; printable ASCII, which most records have only, breaks none of them."""
    if not is_plain(write):
        yield from characters(write, facts)
        yield from invisible_characters(write, facts)


def is_plain(write: Write) -> bool:
    """Whether all texts of the record are printable ASCII."""
    written = "".join([value for value in write.fields.values() if isinstance(value, str)])
    for line in write.all_lines:
        written += "".join([value for value in line.fields.values() if isinstance(value, str)])
    return written.isascii() and written.isprintable()


def _texts(write: Write) -> Iterator[tuple[list[tuple[str, str]], str]]:
    places = [(write.fields, write.position), *((line.fields, line.position) for line in write.all_lines)]
    for fields, position in places:
        yield [(name, value) for name, value in fields.items() if isinstance(value, str)], position


def _look_alike(text: str) -> tuple[str, str] | None:
    """A word of Latin letters with a foreign one among them, and that letter."""
    for word in text.split():
        foreign = _FOREIGN.search(word)
        if foreign and _LATIN.search(word):
            return word, foreign[0]
    return None


def _named(char: str) -> str:
    name = unicodedata.name(char, "")
    return f"U+{ord(char):04X} ({name.lower()})" if name else f"U+{ord(char):04X}"


def characters(write: Write, _: Facts | None = None) -> Iterator[Finding]:
    """No text holds a character that XML cannot carry."""
    places = [(write.fields, write.position), *((line.fields, line.position) for line in write.all_lines)]
    for fields, position in places:
        for name, value in fields.items():
            bad = forbidden_character(value) if isinstance(value, str) else None
            if bad is not None:
                message = f"the text holds the control character U+{ord(bad):04X}"
                yield Finding("characters", message, "remove it", write.column(name), position)


def invisible_characters(write: Write, _: Facts) -> Iterator[Finding]:
    """No key has an invisible character; there is a warning for other texts, and for words with look-alike letters."""
    keys = {name for key in lookup_keys_of(write.object).keys for name in key}
    for fields, position in _texts(write):
        for name, text in fields:
            if text.isascii():
                continue
            invisible = next((char for char in text if char in _INVISIBLE), "")
            if invisible:
                message = f"the text holds the invisible character {_named(invisible)}"
                yield Finding("characters", message, "remove it", write.column(name), position,
                              refuses=name in keys)  # fmt: skip
            strange = _look_alike(text)
            if strange:
                word, char = strange
                message = f"{word!r} holds {_named(char)}, which looks like a Latin letter"
                yield Finding("characters", message, "type the word again if that is not meant",
                              write.column(name), position, refuses=False)  # fmt: skip


def exchange_rates(write: Write, _: Facts) -> Iterator[Finding]:
    """An exchange rate is above zero."""
    places: tuple[Write | RecordLine, ...] = (write, *write.all_lines)
    for place in places:
        for name, value in () if _RATES.isdisjoint(place.fields) else place.fields.items():
            if name in _RATES and isinstance(value, Decimal | int) and value <= 0:
                message = f"an exchange rate must be above zero; this one is {number_text(Decimal(value))}"
                yield Finding("exchange rate", message, "correct it, or leave it empty",
                              write.column(name), place.position)  # fmt: skip


def two_lines(write: Write, facts: Facts) -> Iterator[Finding]:
    """A journal entry has at least two lines."""
    if len(list(write.all_lines)) < 2 and not facts.is_statistical(write):
        message = "a journal entry needs at least two lines; this one has one"
        by = "reference" if write.identity.kind != "source" else "key, which identifies entries and not their lines"
        fix = f"add the other side, with the same journal, date, title and {by}"
        yield Finding("lines", message, fix, position=write.position)


def balance(write: Write, facts: Facts) -> Iterator[Finding]:
    """Debits equal credits in each currency."""
    if facts.is_statistical(write):
        return
    for currency, difference in _differences(write.all_lines, "CURRENCY").items():
        if difference:
            unit = f" {currency}" if currency else ""
            over, under = ("debits", "credits") if difference > 0 else ("credits", "debits")
            message = (
                f"the entry does not balance: {over} exceed {under} by {amount_shown(abs(difference), currency)}{unit}"
            )
            yield Finding("balance", message, "correct the amounts", write.column("TRX_AMOUNT"), write.position)


def entity_balance(write: Write, facts: Facts) -> Iterator[Finding]:
    """A warning where an entity does not balance by itself: a company that is set up for it adds inter-entity lines."""
    if len(facts.entities) < 2 or facts.entity or _lacks_sides(write) or facts.is_statistical(write):
        return
    by_entity: dict[str, Decimal] = {}
    for line in write.all_lines:
        entity = facts.entity_of(comparable(line.fields.get("LOCATION")))
        by_entity[entity] = by_entity.get(entity, Decimal(0)) + _signed(line)
    unbalanced = [
        f"{entity or 'no entity'} by {amount_shown(total)}" for entity, total in sorted(by_entity.items()) if total
    ]
    if len(unbalanced) > 1:
        message = f"entities do not balance by themselves ({', '.join(unbalanced)}); inter-entity lines will be added"
        yield Finding("entity balance", message, column=write.column("LOCATION"), position=write.position,
                      refuses=False)  # fmt: skip


def dimensions(write: Write, facts: Facts) -> Iterator[Finding]:
    """Each line has the dimensions that its account requires."""
    accounts = facts.references.known("GLACCOUNT")
    for line in write.all_lines:
        number = comparable(line.fields.get("ACCOUNTNO"))
        account = accounts.get(number)
        if account is None:
            continue
        for names in facts.required_of(account):
            if not any(line.fields.get(name) for name in names):
                column = next((write.columns[name] for name in names if name in write.columns), names[-1])
                message = f"account {number} requires a {names[0].removesuffix('ID').lower()}"
                yield Finding("dimension", message, f"fill in {column}", column, line.position)


def location(write: Write, facts: Facts) -> Iterator[Finding]:
    """At the top level of a company with entities every line has a location."""
    if not facts.entities or facts.entity:
        return
    for line in write.all_lines:
        if not line.fields.get("LOCATION"):
            column = write.column("LOCATION")
            message = "a company with entities needs a location on every line"
            yield Finding("location", message, f"fill in {column}, or sign in to the entity", column, line.position)


def open_period(write: Write, facts: Facts) -> Iterator[Finding]:
    """The posting date is not before the date from which the books of each entity concerned are open."""
    names = _POSTING_DATES.get(write.object, _DOCUMENT_DATES)
    values = {**write.known, **write.fields}
    name, posted = next(((name, day) for name in names if type(day := values.get(name)) is date), ("", None))
    if posted is None:
        return
    entities = facts.entities_of(write)
    first_open = [one.opened for one in facts.entities.values()]
    if not entities and first_open and all(day is not None and posted < day for day in first_open):
        message = f"{posted} is in a closed period of every entity"
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
    """All entities of an entry, a bill or an invoice have the same base currency."""
    entities = [entity for entity in facts.entities_of(write) if entity in facts.entities]
    currencies = {facts.entities[entity].currency: entity for entity in entities if facts.entities[entity].currency}
    if len(currencies) > 1:
        listed = " and ".join(f"{entity} in {currency}" for currency, entity in sorted(currencies.items()))
        noun = "entry" if write.object == "GLBATCH" else "record"
        message = f"the {noun} has lines in entities with different base currencies: {listed}"
        column = next((write.columns[name] for name in _LOCATIONS if name in write.columns), _LOCATIONS[0])
        yield Finding("base currency", message, f"make one {noun} for each", column, write.position)


_SETTLED_OTHERWISE = ("CREDIT", "ADVANCE", "INLINE", "DISCOUNT", "ADJ", "OVERPAYMENT", "NEGATIVE")
"""Parts of the names of fields with which a line of a payment settles a document without money."""


def payment_amounts(write: Write, _: Facts) -> Iterator[Finding]:
    """A payment pays more than nothing on each document, unless a credit or a discount settles it."""
    for line in write.all_lines:
        amount = line.fields.get("TRX_PAYMENTAMOUNT")
        if not isinstance(amount, Decimal) or amount > 0:
            continue
        others = [name for name, value in line.fields.items() if value and any(p in name for p in _SETTLED_OTHERWISE)]
        if amount < 0 or not others:
            message = f"a payment must be above zero; this one is {amount_shown(amount)}"
            fix = "enter an adjustment for money that comes back" if amount < 0 else "correct it, or remove the row"
            yield Finding("payment amount", message, fix, write.column("TRX_PAYMENTAMOUNT"), line.position)


def signs(write: Write, facts: Facts) -> Iterator[Finding]:
    """No amount has the sign of another currency than its own."""
    if facts.signed:
        yield from currency_signs(write, facts)


def relationships(write: Write, facts: Facts) -> Iterator[Finding]:
    """No line names another dimension than the one that follows from its others."""
    yield from conflicts(write, facts.relations, facts.references)


def currency_decimals_of_amounts(write: Write, facts: Facts) -> Iterator[Finding]:
    """No amount has more decimals than its currency by ISO 4217, such as 100.50 yen. Quantities and prices may."""
    for line in write.all_lines:
        currency = _currency(line, write, facts)
        decimals = currency_decimals(currency)
        if decimals > 1 or facts.is_statistical(write):
            continue
        name, amount = next(((name, one) for name in AMOUNTS if isinstance(one := line.fields.get(name), Decimal)),
                            ("", Decimal(0)))  # fmt: skip
        if amount == amount.to_integral_value() or (name == "AMOUNT" and line.fields.get("CURRENCY")):
            continue  # AMOUNT of a line with a currency of its own is in the base currency
        message = f"{amount_shown(amount)} has decimals, and {currency} has none"
        fix = "round it, or correct the currency; amounts are never rounded automatically"
        yield Finding("cents", message, fix, write.column(name), line.position)


_POSTING: tuple[Rule, ...] = (dimensions, open_period)
_DOCUMENT: tuple[Rule, ...] = (*_POSTING, one_base_currency)
RULES: Mapping[str, tuple[Rule, ...]] = {
    "GLBATCH": (two_lines, balance, location, dimensions, open_period, one_base_currency, entity_balance),
    "APBILL": _DOCUMENT,
    "APADJUSTMENT": _DOCUMENT,
    "ARINVOICE": _DOCUMENT,
    "ARADJUSTMENT": _DOCUMENT,
    "EEXPENSES": _POSTING,
    "CCTRANSACTION": _POSTING,
    "OTHERRECEIPTS": _POSTING,
    "APPYMT": (open_period, payment_amounts),
    "ARPYMT": (open_period, payment_amounts),
    "ARADVANCE": _POSTING,
}
"""The rules of each object; they apply to new records, and to updates that give lines."""
EVERYWHERE: tuple[Rule, ...] = (texts, exchange_rates, relationships, signs, currency_decimals_of_amounts)


def _differences(lines: Iterable[RecordLine], name: str) -> dict[str, Decimal]:
    """Debits less credits by the value of a field; empty where a line's amount could not be read."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        if "TR_TYPE" not in line.fields:
            return {}
        key = comparable(line.fields.get(name))
        sums[key] = sums.get(key, Decimal(0)) + _signed(line)
    return sums


def location_of(line: RecordLine) -> str:
    """The location that a line names."""
    for name in _LOCATIONS:
        if line.fields.get(name):
            return comparable(line.fields[name])
    return ""


def _lacks_sides(write: Write) -> bool:
    return any("TR_TYPE" not in line.fields for line in write.all_lines)


def _signed(line: RecordLine) -> Decimal:
    amount, side = line.fields.get("TRX_AMOUNT"), line.fields.get("TR_TYPE")
    return amount * side if isinstance(amount, Decimal) and isinstance(side, int) else Decimal(0)


# --- by the currency signs of the input


def has_signs(writes: Iterable[Write]) -> bool:
    """Whether any amount of these has a currency sign."""
    return any(
        currency_sign(cell)
        for write in writes
        for row in write.rows
        if _may_be_signed(row.cells.values())
        for cell in row.cells.values()
    )


def _may_be_signed(cells: Iterable[object]) -> bool:
    texts = [str(cell) if not isinstance(cell, SignedAmount) else cell.sign for cell in cells]
    text = "".join(texts)
    return "$" in text or not text.isascii()


def base_currency(company: Gateway) -> str:
    """The company's base currency; empty where it has several, or may not be asked."""
    try:
        data = company.ask(Element("getFinancialSetup")).data
    except (NotPermittedError, RefusedError, InvalidRequestError):
        return ""
    places = (data, *data.children) if data is not None else ()
    return next((text for one in places if (text := one.findtext("baseCurrency").strip())), "")


def currency_signs(write: Write, facts: Facts) -> Iterator[Finding]:
    """No amount has the sign of another currency than its own.

    That is the record's currency, else the base currency of its entity, else that of the company; there is a warning
    where none of these is known. A sign is no part of an amount, but $5.00 posted as five euros would be wrong.
    """
    places: list[tuple[RecordLine | None, Mapping[str, Value], SourceRow]]
    places = [(line, line.fields, line.row) for line in write.all_lines]
    if not places and write.rows:
        places = [(None, write.fields, write.rows[0])]
    for line, fields, row in places:
        for column, sign in _signed_columns(fields, row):
            currency = _currency(line, write, facts)
            if not currency:
                message = f"the amount has the sign {sign}, and the currency of the record is not known"
                yield Finding("currency", message, "check it, or give the currency in a column of its own",
                              column, row.position, refuses=False)  # fmt: skip
            elif not may_be(sign, currency):
                message = f"the amount has the sign {sign}, and the record is in {currency}"
                fix = "give the record's currency in a column of its own, or correct the amount"
                yield Finding("currency", message, fix, column, row.position)


def _signed_columns(fields: Mapping[str, Value], row: SourceRow) -> Iterator[tuple[str, str]]:
    """The columns of a row with a signed amount that is among the fields."""
    for column, cell in row.cells.items():
        sign = currency_sign(cell)
        if sign:
            try:
                amount = read_money(str(cell))
            except RecordError:
                continue
            if amount and abs(amount) in {abs(value) for value in fields.values() if isinstance(value, Decimal)}:
                yield column, sign


def _currency(line: RecordLine | None, write: Write, facts: Facts) -> str:
    own = comparable(line.fields.get("CURRENCY")) if line is not None else ""
    own = own or comparable(write.fields.get("CURRENCY")) or comparable(write.fields.get("BASECURR"))
    if own:
        return own
    place = facts.entity or (facts.entity_of(location_of(line)) if line is not None else "")
    entity = facts.entities.get(place)
    return (entity.currency if entity is not None else "") or facts.base_currency


# --- by the object's description

_MULTI_PICK = "#~#"
_WRITABLE_ANYWAY = ("AMOUNT",)
"""Read-only by its description, and taken by the gateway."""


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """One field of a header or line, with what is known of it."""

    name: str
    value: Value
    field: FieldDef
    column: str
    position: str
    is_record_key: bool
    is_legacy: bool
    """Whether the legacy function that makes the record takes the field."""


def check_fields(write: Write, writable: WritableObject, refused_columns: Iterable[str] = ()) -> Iterator[Finding]:
    """The findings that the description of the object gives on a write."""
    if write.operation is WriteOperation.DELETE:
        return
    if write.operation is WriteOperation.CREATE:
        yield from _missing(write, writable, frozenset(refused_columns))
    else:
        yield from _cleared(write, writable)
    for place in _places(write, writable):
        for rule in (_readonly, _length, _listed, _cents):
            message, fix = rule(place)
            if message:
                yield Finding(rule.__name__.lstrip("_"), message, fix, place.column, place.position)
                break


def _missing(write: Write, writable: WritableObject, refused_columns: frozenset[str]) -> Iterator[Finding]:
    for name in writable.lookup.required:
        column = write.column(name)
        if (
            write.fields.get(name)
            or write.lines.get(name)
            or column in refused_columns
            or _under_other_name(name, write)
        ):
            continue
        if writable.line_set(name):
            message, fix = f"the {writable.name} has no lines ({name})", "give at least one line"
        else:
            message, fix = f"{name} is missing", f"fill in {column}"
        yield Finding("required", message, fix, column, write.position)


def _cleared(write: Write, writable: WritableObject) -> Iterator[Finding]:
    """Required fields that an update would clear."""
    for name in writable.lookup.required:
        one = writable.field(name)
        if one is not None and one.required and name in write.fields and write.fields[name] is None:
            yield Finding("required", f"{name} cannot be cleared", "fill it in, or leave the field out",
                          write.column(name), write.position)  # fmt: skip


def _under_other_name(name: str, write: Write) -> bool:
    """Whether the field is given under a legacy name, as CUSTOMERID for CUSTVENDID."""
    others = {"CUSTVENDID": ("CUSTOMERID", "VENDORID")}.get(name, ())
    return any(write.fields.get(other) for other in others)


def _places(write: Write, writable: WritableObject) -> Iterator[FieldPlace]:
    new = write.operation is WriteOperation.CREATE
    by_legacy = new and writable.creator not in ("", "create")
    legacy: Mapping[str, str] = writable.legacy_plan.fields if writable.legacy_plan and by_legacy else {}
    for name, value in write.fields.items():
        one = writable.field(name)
        if one is not None and not _fits(one, value):
            is_key = name == writable.lookup.record_key and not new
            yield FieldPlace(name, value, one, write.column(name), write.position, is_key, name in legacy)
    for wrapper, lines in write.lines.items():
        line_set = writable.line_set(wrapper)
        if line_set is None:
            continue
        for line in lines:
            for name, value in line.fields.items():
                one = line_set.field(name)
                if one is not None and not _fits(one, value):
                    is_legacy = by_legacy and name in line_set.extra
                    yield FieldPlace(name, value, one, write.column(name), line.position, name == "RECORDNO", is_legacy)


def _fits(one: FieldDef, value: Value) -> bool:
    """Whether no rule on fields can refuse the value; most values of most fields."""
    if one.readonly or one.values:
        return False
    if isinstance(value, Decimal):
        return not is_money(one) or not _beyond_cents(value)
    return not one.max_length or not isinstance(value, str) or len(value) <= one.max_length


def _readonly(place: FieldPlace) -> tuple[str, str]:
    if not place.field.readonly or place.is_record_key or place.is_legacy or place.name in _WRITABLE_ANYWAY:
        return "", ""
    return f"{place.name} is set by the company", "remove the column, or leave it empty"


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
    return f"{bad[0]!r} is not a value of {place.name}", f"use one of {shown}"


def _cents(place: FieldPlace) -> tuple[str, str]:
    if not is_money(place.field) or not isinstance(place.value, Decimal):
        return "", ""
    if not _beyond_cents(place.value):
        return "", ""
    text = format(place.value, "f")
    return f"{text} has more than two decimals", cents_fix(text)


def _beyond_cents(amount: Decimal) -> bool:
    """Whether an amount has more than two decimals."""
    return bool(format(amount, "f").partition(".")[2].rstrip("0")[2:])


# --- by the company's dimension relationships

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
    """Whether a transaction may name another."""


def relations_for(writes: Iterable[Write], company: Gateway, unchecked: list[str]) -> tuple[DimensionRelation, ...]:
    """The relationships, read once if a line names two dimensions that may follow from each other."""
    if not _may_conflict(writes):
        return ()
    try:
        return relations(company)
    except (NotPermittedError, RefusedError, InvalidRequestError) as error:
        unchecked.append(f"dimension relationships: {error.message}")
        return ()


def that_matter(known: Iterable[DimensionRelation], references: References) -> tuple[DimensionRelation, ...]:
    """Those of a company's many relationships in which something follows from a record that is referred to."""
    return tuple(
        one for one in known if any(_followed(leader, one) for leader in references.known(one.dimension).values())
    )


def _may_conflict(writes: Iterable[Write]) -> bool:
    """Whether any line names a dimension together with one that may follow from it."""
    return any(
        any(_dimension(line, name)[1] for name in _LEADING)
        and sum(bool(_dimension(line, name)[1]) for name in _FIELDS) > 1
        for write in writes
        for line in write.all_lines
    )


def relations(company: Gateway) -> tuple[DimensionRelation, ...]:
    """The relationships that the company fills in by itself."""
    data = company.ask(Element("getDimensionRelationships")).data
    return tuple(_relations(data.children if data is not None else ()))


def _relations(answered: Iterable[Element]) -> Iterator[DimensionRelation]:
    for one in answered:
        if one.findtext("autofillrelated").strip() == "true":
            override = one.findtext("enableoverride").strip() != "false"
            for related in one.findall("related"):
                names = (one.findtext("dimension").strip().upper(), related.findtext("dimension").strip().upper())
                yield DimensionRelation(*names, override)


def conflicts(write: Write, known: Collection[DimensionRelation], references: References) -> Iterator[Finding]:
    """Lines that name another dimension than the one that follows."""
    leaders = {one.dimension: references.known(one.dimension) for one in known}
    for line in write.all_lines if known else ():
        named = {one: text for one in leaders if (text := _dimension(line, one)[1])}
        for one in known if named else ():
            leading = named.get(one.dimension)
            leader = leaders[one.dimension].get(leading) if leading else None
            if leader is None or not (follows := _followed(leader, one)):
                continue
            field, given = _dimension(line, one.related)
            if given and given != follows:
                message = f"{one.dimension.lower()} {leading} goes with {one.related.lower()} {follows}, not {given}"
                fix = "leave it out, or correct one of them" if not one.override else ""
                yield Finding("relationship", message, fix, write.column(field), line.position,
                              refuses=not one.override)  # fmt: skip


def _followed(leader: KnownRecord, one: DimensionRelation) -> str:
    """The related dimension that follows from a record of the other; empty where none does."""
    return comparable(leader.row.get(f"{one.related}ID"))


def _dimension(line: RecordLine, dimension: str) -> tuple[str, str]:
    """The field in which a line names a dimension, and its value."""
    for name in _FIELDS.get(dimension, ()):
        text = comparable(line.fields.get(name))
        if text:
            return name, text
    return "", ""
