"""The rules that a record must meet before it is sent, each a function from a write and the known facts to findings.

A rule refuses what the gateway would refuse, in the input's own words, and nothing that the gateway would accept. Rules
look only at values that could be read; an unreadable cell has a finding already.
"""

from collections.abc import Iterable, Iterator, Mapping

from intacct_bridge.load.records.write import Finding, Write, WriteOperation
from intacct_bridge.load.rules.accounting import (
    balance,
    dimensions,
    entity_balance,
    exchange_rates,
    location,
    open_period,
    payment_amounts,
    two_lines,
)
from intacct_bridge.load.rules.characters import texts
from intacct_bridge.load.rules.currencies import currency_decimals_of_amounts, one_base_currency, signs
from intacct_bridge.load.rules.facts import Facts, Rule
from intacct_bridge.load.rules.fields import check_fields
from intacct_bridge.load.rules.relationships import conflicts


def check(write: Write, facts: Facts, refused_columns: Iterable[str] = ()) -> Iterator[Finding]:
    """The findings of all rules; a missing field is not reported for a column that has a finding already."""
    as_a_whole = write.operation is WriteOperation.CREATE or write.lines
    for rule in (*EVERYWHERE, *(RULES.get(write.object, ()) if as_a_whole else ())):
        yield from rule(write, facts)
    if facts.writable is not None and facts.writable.name == write.object:
        yield from check_fields(write, facts.writable, refused_columns)


def relationships(write: Write, facts: Facts) -> Iterator[Finding]:
    """No line contradicts a dimension that follows from its other dimensions."""
    yield from conflicts(write, facts.relations, facts.references)


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
EVERYWHERE: tuple[Rule, ...] = (
    texts,
    exchange_rates,
    relationships,
    signs,
    currency_decimals_of_amounts,
)
