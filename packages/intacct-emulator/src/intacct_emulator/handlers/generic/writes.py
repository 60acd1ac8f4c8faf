"""The generic functions `create`, `update` and `delete`: each record of a call is written or refused by itself.

A call may hold up to a hundred records of several objects. The answer has the keys of the records that were written and
the faults of the others; only a transaction makes it all or nothing.
"""

from collections.abc import Callable

from intacct_emulator.access.rights import can_change, check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.handlers.generic.verbs import CREATE, DELETE, LINES_ONLY, NOT_UPDATED, UPDATE
from intacct_emulator.records import effect_check, record_store
from intacct_emulator.records.checks import check_creatable
from intacct_emulator.records.drafts import read_draft
from intacct_emulator.records.integrity import check_not_cleared
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import FunctionRefusedError, not_for, refused, too_many
from intacct_protocol.errors import Fault, RecordError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import keys_of, natural_key
from intacct_protocol.xml.xml import Element, element

MOST_RECORDS = 100

_LABELS = {"GLACCOUNT": "GL Account"}
"""Names of objects in the last sentence of a chain of faults, if these are recorded."""


def create(call: FunctionCall) -> FunctionAnswer:
    """Create each record."""
    return _each(call, _create_one)


def enter(call: FunctionCall) -> FunctionAnswer:
    """Create each record, also of an object that XML creates by a function of its own, such as an invoice."""
    return _each(call, _enter_one)


def update(call: FunctionCall) -> FunctionAnswer:
    """Change the sent fields of each record, found by its record number or its natural key."""
    return _each(call, _update_one)


def delete(call: FunctionCall) -> FunctionAnswer:
    """Delete the records with these keys, each by itself."""
    described = call.company.find(call.body.findtext("object").strip())
    check_right(call, "DELETE", described.name)
    keys = [key.strip() for key in call.body.findtext("keys").split(",") if key.strip()]
    if not keys:
        raise refused("A delete needs at least one key.")
    if len(keys) > MOST_RECORDS:
        too_many(call.name, MOST_RECORDS, call.company.behaviour)
    faults: list[Fault] = []
    deleted = 0
    for place, key in enumerate(keys):
        try:
            with call.company.store.together():
                call.check_scripted(place)
                _delete_one(call, described, key)
                deleted += 1
        except FunctionRefusedError as error:
            faults += error.faults
    return FunctionAnswer(faults=tuple(faults), written=deleted)


def _create_one(call: FunctionCall, record: Element) -> Element:
    described = call.company.find(record.tag)
    check_right(call, "CREATE", described.name)
    check_creatable(described, "CREATE")
    return _enter_one(call, record)


def _enter_one(call: FunctionCall, record: Element) -> Element:
    described = call.company.find(record.tag)
    check_right(call, "CREATE", described.name)
    draft = read_draft(call, described, record)
    acts = CREATE.get(described.name)
    row = (acts or record_store.create)(call, draft)
    if acts is not None:
        effect_check.check_effect(call, draft, row, {})
    return _key_element(described, row)


def _update_one(call: FunctionCall, record: Element) -> Element:
    described = call.company.find(record.tag)
    check_right(call, "UPDATE", described.name)
    if described.name in NOT_UPDATED:
        raise not_for(described.name, "UPDATE")
    draft = read_draft(call, described, record)
    number = _find(call, described, draft.values)
    check_not_cleared(draft)
    acts = UPDATE.get(described.name)
    before = call.company.table(described).get(number) or {}
    row = (acts or record_store.update)(call, draft, number)
    if acts is not None:
        effect_check.check_effect(call, draft, row, before)
    return _key_element(described, row)


def _find(call: FunctionCall, described: ObjectDef, values: Row) -> int:
    table = call.company.table(described)
    for name in (keys_of(described).record, natural_key(described.name)):
        if name and values.get(name):
            for number in table.find(name, values[name]):
                if can_change(call, described, table.get(number) or {}, "update"):
                    return number
            sentence = f"Cannot update non-existing {described.name} with {name}={values[name]}."
            raise FunctionRefusedError(Fault(sentence))
    raise refused(f"A key is needed to update {described.name}: RECORDNO, or its id.")


def _delete_one(call: FunctionCall, described: ObjectDef, key: str) -> None:
    if described.name in LINES_ONLY:
        raise not_for(described.name, "DELETE")
    table = call.company.table(described)
    natural = natural_key(described.name)
    numbers = table.find(table.plan.key, key) or (table.find(natural, key) if natural else [])
    numbers = [one for one in numbers if can_change(call, described, table.get(one) or {}, "delete")]
    if not numbers:
        raise refused(f"Cannot find {described.name.lower()} with key '{key}' to delete.")
    DELETE.get(described.name, record_store.delete)(call, described, numbers[0])


def _key_element(described: ObjectDef, row: Row) -> Element:
    key, natural = keys_of(described).record, natural_key(described.name)
    parts = [element(key, row.get(key, ""))]
    if natural and natural != key and natural in described.fields:
        parts.append(element(natural, row.get(natural, "")))
    return Element(described.name.lower(), "", tuple(parts))


def _each(call: FunctionCall, work: Callable[[FunctionCall, Element], Element]) -> FunctionAnswer:
    records = call.body.children
    if not records:
        raise refused(f"A call of {call.name} needs at least one record.")
    if len(records) > MOST_RECORDS:
        too_many(call.name, MOST_RECORDS, call.company.behaviour)
    keys: list[Element] = []
    faults: list[Fault] = []
    for place, record in enumerate(records):
        try:
            with call.company.store.together():
                call.check_scripted(place)
                keys.append(work(call, record))
        except FunctionRefusedError as error:
            faults += _chain(call, record, error)
        except RecordError as error:
            fault = Fault("BL01001973", description2=error.message, correction=error.fix, field=error.field)
            faults += _chain(call, record, FunctionRefusedError(fault))
    data = Element("data", "", tuple(keys), {"listtype": "objects", "count": str(len(keys))})
    return FunctionAnswer(data, faults=tuple(faults), written=len(keys))


def _chain(call: FunctionCall, record: Element, error: FunctionRefusedError) -> list[Fault]:
    """The causes, the most specific one first, and the general sentence at the end."""
    last = f"Could not {call.name} {_LABELS.get(record.tag.upper(), record.tag.capitalize())} record!"
    general = Fault("BL01001973", description2=last)
    return [*error.faults, *([] if error.faults[-1].errorno.startswith("PL") else [general])]
