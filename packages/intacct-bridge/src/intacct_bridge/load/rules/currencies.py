"""The rules on currencies: their signs and codes in the input, their decimals, the base currencies of entities."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal

from intacct_bridge.load.records.currency import currency_of
from intacct_bridge.load.records.write import AMOUNTS, Finding, RecordLine, Write
from intacct_bridge.load.rules.facts import LOCATION_FIELDS, Facts
from intacct_bridge.load.tables.cells import COMMA, POINT, currency_sign, may_be, read_money
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_protocol.errors import RecordError
from intacct_protocol.model.currency_codes import CURRENCY_CODES
from intacct_protocol.model.wording import amount_shown, currency_decimals
from intacct_protocol.xml.values import Value


def signs(write: Write, facts: Facts) -> Iterator[Finding]:
    """No amount has the sign of another currency than its own."""
    if facts.signed:
        yield from currency_signs(write)


def currency_signs(write: Write) -> Iterator[Finding]:
    """No amount has the sign or the code of another currency than the one that is decided for it.

    A sign is no part of an amount, but $5.00 posted as five euros would be wrong. There is a warning if the currency is
    not known.
    """
    places: list[tuple[RecordLine | None, Mapping[str, Value], SourceRow]]
    places = [(line, line.fields, line.row) for line in write.all_lines]
    if not places and write.rows:
        places = [(None, write.fields, write.rows[0])]
    for line, fields, row in places:
        for column, sign in _signed_columns(fields, row):
            currency = currency_of(write, line)
            if not currency:
                message = f"the amount has {_named(sign)}, and the currency of the record is not known"
                yield Finding("currency", message, "check it, or give the currency in a column of its own",
                              column, row.position, refuses=False)  # fmt: skip
            elif not may_be(sign, currency):
                message = f"the amount has {_named(sign)}, and the record is in {currency}"
                fix = "give the record's currency in a column of its own, or correct the amount"
                yield Finding("currency", message, fix, column, row.position)


def _named(sign: str) -> str:
    return f"the currency {sign}" if sign in CURRENCY_CODES else f"the sign {sign}"


def currency_decimals_of_amounts(write: Write, facts: Facts) -> Iterator[Finding]:
    """No amount has more decimals than its currency by ISO 4217, such as 100.50 yen. Quantities and prices may."""
    for line in write.all_lines:
        currency = currency_of(write, line)
        decimals = currency_decimals(currency)
        if decimals > 1 or facts.is_statistical(write):
            continue
        name, amount = next(((name, cell) for name in AMOUNTS if isinstance(cell := line.fields.get(name), Decimal)),
                            ("", Decimal(0)))  # fmt: skip
        if amount == amount.to_integral_value():
            continue
        message = f"{amount_shown(amount)} has decimals, and {currency} has none"
        fix = "round it, or correct the currency; amounts are never rounded automatically"
        yield Finding("cents", message, fix, write.column(name), line.position)


def one_base_currency(write: Write, facts: Facts) -> Iterator[Finding]:
    """All entities of an entry, a bill or an invoice have the same base currency."""
    entities = [entity for entity in facts.entities_of(write) if entity in facts.entities]
    currencies = {facts.entities[entity].currency: entity for entity in entities if facts.entities[entity].currency}
    if len(currencies) > 1:
        listed = " and ".join(f"{entity} in {currency}" for currency, entity in sorted(currencies.items()))
        noun = "entry" if write.object == "GLBATCH" else "record"
        message = f"the {noun} has lines in entities with different base currencies: {listed}"
        column = next((write.columns[name] for name in LOCATION_FIELDS if name in write.columns), LOCATION_FIELDS[0])
        yield Finding("base currency", message, f"make one {noun} for each", column, write.position)


def has_signs(writes: Iterable[Write]) -> bool:
    """Whether any amount of these has a currency sign, or the code of a currency."""
    texts: set[str] = set()
    for cell in (cell for write in writes for row in write.rows for cell in row.cells.values()):
        if type(cell) is not str:
            if currency_sign(cell):
                return True
        else:
            texts.add(cell)  # most texts of a file come many times
    return any(map(currency_sign, texts))


def _signed_columns(fields: Mapping[str, Value], row: SourceRow) -> Iterator[tuple[str, str]]:
    """The columns of a row with a signed amount that is among the fields."""
    for column, cell in row.cells.items():
        sign = currency_sign(cell)
        if sign:
            amounts = {abs(value) for value in fields.values() if isinstance(value, Decimal)}
            if any(amount and abs(amount) in amounts for amount in _readings(str(cell))):
                yield column, sign


def _readings(text: str) -> Iterator[Decimal | None]:
    """The amounts that a text is, with a point and with a comma as decimal sign; one of them was read from it."""
    for reading in (POINT, COMMA):
        with suppress(RecordError):
            yield read_money(text, reading)
