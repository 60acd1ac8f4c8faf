"""Currency signs in the input's amounts, compared with the currency in which they would be posted.

A sign is no part of an amount, but `$5.00` posted as five euros would be wrong. The currency is the record's own, else
the base currency of the entity, else that of the company. Where none of these is known, the plan has a warning.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RecordError, RefusedError
from intacct_bridge.flow.plan.rules import Facts, location_of
from intacct_bridge.flow.records.cells import currency_sign, may_be, read_money
from intacct_bridge.flow.records.tables import SourceRow
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Finding, RecordLine, Write
from intacct_bridge.wire.values import Value
from intacct_bridge.wire.xml import Element


def has_signs(writes: Iterable[Write]) -> bool:
    """Whether any amount of these has a currency sign."""
    return any(currency_sign(cell) for write in writes for row in write.rows for cell in row.cells.values())


def base_currency(company: Gateway) -> str:
    """The company's base currency; empty where it has several, or may not be asked."""
    try:
        data = company.ask(Element("getFinancialSetup")).data
    except (NotPermittedError, RefusedError, InvalidRequestError):
        return ""
    return next((one.findtext("baseCurrency").strip() for one in data.children), "") if data is not None else ""


def currency_signs(write: Write, facts: Facts) -> Iterator[Finding]:
    """No amount has the sign of another currency than its own."""
    places = [(line.fields, line.row, _currency(line, write, facts)) for line in write.all_lines]
    if not places and write.rows:
        places = [(write.fields, write.rows[0], _currency(None, write, facts))]
    for fields, row, currency in places:
        for column, sign in _signed_columns(fields, row):
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
    amounts = {abs(value) for value in fields.values() if isinstance(value, Decimal)}
    for column, cell in row.cells.items():
        sign = currency_sign(cell)
        if sign and isinstance(cell, str):
            try:
                amount = read_money(cell)
            except RecordError:
                continue
            if amount and abs(amount) in amounts:
                yield column, sign


def _currency(line: RecordLine | None, write: Write, facts: Facts) -> str:
    own = comparable(line.fields.get("CURRENCY")) if line is not None else ""
    own = own or comparable(write.fields.get("CURRENCY")) or comparable(write.fields.get("BASECURR"))
    if own:
        return own
    place = facts.entity or (facts.entity_of(location_of(line)) if line is not None else "")
    entity = facts.entities.get(place)
    return (entity.currency if entity is not None else "") or facts.base_currency
