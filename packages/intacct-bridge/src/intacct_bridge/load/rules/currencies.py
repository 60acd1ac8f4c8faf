"""The rules on currencies: their signs in the input, their decimals, the base currencies of entities."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import AMOUNTS, Finding, RecordLine, Write
from intacct_bridge.load.rules.facts import LOCATION_FIELDS, Facts, location_of
from intacct_bridge.load.tables.cells import COMMA, POINT, SignedAmount, currency_sign, may_be, read_money
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RecordError, RefusedError
from intacct_protocol.model.wording import amount_shown, currency_decimals
from intacct_protocol.xml.values import Value
from intacct_protocol.xml.xml import Element


def signs(write: Write, facts: Facts) -> Iterator[Finding]:
    """No amount has the sign of another currency than its own."""
    if facts.signed:
        yield from currency_signs(write, facts)


def currency_signs(write: Write, facts: Facts) -> Iterator[Finding]:
    """No amount has the sign of another currency than its own.

    That is the record's currency, else the base currency of its entity, else that of the company; there is a warning
    if none of these is known. A sign is no part of an amount, but $5.00 posted as five euros would be wrong.
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


def currency_decimals_of_amounts(write: Write, facts: Facts) -> Iterator[Finding]:
    """No amount has more decimals than its currency by ISO 4217, such as 100.50 yen. Quantities and prices may."""
    for line in write.all_lines:
        currency = _currency(line, write, facts)
        decimals = currency_decimals(currency)
        if decimals > 1 or facts.is_statistical(write):
            continue
        name, amount = next(((name, cell) for name in AMOUNTS if isinstance(cell := line.fields.get(name), Decimal)),
                            ("", Decimal(0)))  # fmt: skip
        if amount == amount.to_integral_value() or (name == "AMOUNT" and line.fields.get("CURRENCY")):
            continue  # AMOUNT of a line with a currency of its own is in the base currency
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
    """The company's base currency; empty if it has several, or may not be asked."""
    try:
        data = company.ask(Element("getFinancialSetup")).data
    except (NotPermittedError, RefusedError, InvalidRequestError):
        return ""
    places = (data, *data.children) if data is not None else ()
    return next((text for one in places if (text := one.findtext("baseCurrency").strip())), "")


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


def _currency(line: RecordLine | None, write: Write, facts: Facts) -> str:
    currency = comparable(line.fields.get("CURRENCY")) if line is not None else ""
    currency = currency or comparable(write.fields.get("CURRENCY")) or comparable(write.fields.get("BASECURR"))
    if currency:
        return currency
    place = facts.entity or (facts.entity_of(location_of(line)) if line is not None else "")
    entity = facts.entities.get(place)
    return (entity.currency if entity is not None else "") or facts.base_currency
