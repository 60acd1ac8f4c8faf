"""The rules of accounting: entries balance, dates are in open periods, lines have what their accounts require."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from intacct_bridge.load.records.currency import currency_of
from intacct_bridge.load.records.values import comparable, number_text
from intacct_bridge.load.records.write import Finding, RecordLine, Write
from intacct_bridge.load.rules.facts import Facts
from intacct_protocol.model.wording import amount_shown
from intacct_protocol.xml.values import Value

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
_LEAST_RATE, _MOST_RATE = Decimal("0.000001"), Decimal(1_000_000)
"""Beyond these a rate is a slip: a cell of another column, or a decimal sign that was lost."""
UNUSUAL_RATE = "unusual rate"
"""The rule that refuses such a rate; a warning if the user allows it."""
_SETTLED_OTHERWISE = ("CREDIT", "ADVANCE", "INLINE", "DISCOUNT", "ADJ", "OVERPAYMENT", "NEGATIVE")
"""Parts of the names of fields with which a line of a payment settles a document without money."""


def exchange_rates(write: Write, facts: Facts) -> Iterator[Finding]:
    """An exchange rate is above zero, and a user has to allow one that no pair of currencies has."""
    places: tuple[Write | RecordLine, ...] = (write, *write.all_lines)
    for place in places:
        for name, value in () if _RATES.isdisjoint(place.fields) else place.fields.items():
            rate = _exchange_rate(value) if name in _RATES else None
            if rate is None:
                continue
            if rate <= 0:
                message = f"an exchange rate must be above zero; this one is {number_text(rate)}"
                yield Finding("exchange rate", message, "correct it, or leave it empty",
                              write.column(name), place.position)  # fmt: skip
            elif not _LEAST_RATE <= rate <= _MOST_RATE:
                message = f"the exchange rate {number_text(rate)} is not between {_LEAST_RATE:f} and {_MOST_RATE:,}"
                fix = "" if facts.unusual_rates else "correct it, or set `unusual_rates` to use if it is right"
                yield Finding(UNUSUAL_RATE, message, fix, write.column(name), place.position,
                              refuses=not facts.unusual_rates)  # fmt: skip


def _exchange_rate(value: Value) -> Decimal | None:
    """A rate as a number; a function's own fields are strings."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        return None
    try:
        rate = Decimal(value)
    except ArithmeticError:
        return None
    return rate if rate.is_finite() else None


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
    for currency, difference in _balances_by_currency(write).items():
        if difference:
            unit = f" {currency}" if currency else ""
            over, under = ("debits", "credits") if difference > 0 else ("credits", "debits")
            message = (
                f"the entry does not balance: {over} exceed {under} by {amount_shown(abs(difference), currency)}{unit}"
            )
            yield Finding("balance", message, "correct the amounts", write.column("TRX_AMOUNT"), write.position)


def entity_balance(write: Write, facts: Facts) -> Iterator[Finding]:
    """A warning if an entity does not balance by itself: a company that is set up for it adds inter-entity lines."""
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
    accounts = facts.references.records("GLACCOUNT")
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
    values = {**write.unchanged, **write.fields}
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


def _balances_by_currency(write: Write) -> dict[str, Decimal]:
    """Debits less credits by currency; empty if a line's amount could not be read."""
    sums: dict[str, Decimal] = {}
    if not _lacks_sides(write):
        for line in write.all_lines:
            currency = currency_of(write, line)
            sums[currency] = sums.get(currency, Decimal(0)) + _signed(line)
    return sums


def _lacks_sides(write: Write) -> bool:
    return any("TR_TYPE" not in line.fields for line in write.all_lines)


def _signed(line: RecordLine) -> Decimal:
    amount, side = line.fields.get("TRX_AMOUNT"), line.fields.get("TR_TYPE")
    return amount * side if isinstance(amount, Decimal) and isinstance(side, int) else Decimal(0)
