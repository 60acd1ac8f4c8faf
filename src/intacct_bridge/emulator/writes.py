"""The generic functions `create`, `update` and `delete`: records one by one, each kept or refused by itself.

A call may hold up to a hundred records of mixed objects. What could be done is done and reported with its keys, beside
the faults of what could not; only a transaction makes it all or nothing.
"""

from collections.abc import Callable

from intacct_bridge.emulator.access import permit
from intacct_bridge.emulator.books import Answer, Call
from intacct_bridge.emulator.catalogue import natural_key
from intacct_bridge.emulator.cells import Row, timestamp_text
from intacct_bridge.emulator.refusals import FunctionRefusedError, refused
from intacct_bridge.errors import Fault
from intacct_bridge.wire.xml import Element, element

MOST_RECORDS = 100


def create(call: Call) -> Answer:
    """Make each record."""
    return _each(call, _create_one)


def _create_one(call: Call, record: Element) -> Element:
    described = call.books.find(record.tag)
    permit(call, "CREATE", described.name)
    row: Row = {}
    for child in record.children:
        field = described.get(child.tag)
        if field is not None and not child.children:
            row[field.name] = child.text
    stamp = timestamp_text(call.stamp)
    for name in ("WHENCREATED", "WHENMODIFIED"):
        if name in described.fields and name not in row:
            row[name] = stamp
    table = call.books.table(described)
    table.insert(row)
    return _key_element(described.name, row, table.plan.key)


def _key_element(name: str, row: Row, key: str) -> Element:
    natural = natural_key(name)
    parts = [element(key, row.get(key, ""))]
    if natural and natural != key:
        parts.append(element(natural, row.get(natural, "")))
    return Element(name.lower(), "", tuple(parts))


def _each(call: Call, work: Callable[[Call, Element], Element]) -> Answer:
    records = call.body.children
    if not 1 <= len(records) <= MOST_RECORDS:
        raise refused(f"A {call.name} takes 1 to {MOST_RECORDS} records, not {len(records)}.")
    keys: list[Element] = []
    faults: list[Fault] = []
    for record in records:
        try:
            with call.books.store.together():
                keys.append(work(call, record))
        except FunctionRefusedError as error:
            faults += error.faults
    data = Element("data", "", tuple(keys), {"listtype": "objects", "count": str(len(keys))})
    return Answer(data, faults=tuple(faults))
