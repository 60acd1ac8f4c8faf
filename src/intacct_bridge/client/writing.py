"""Single writes outside the outbox: functions sent once, their results told as outcomes.

One record a function, so that each has a result of its own; up to 100 functions a request. Whoever must not lose or
repeat a write uses `flow.load`, which keeps an outbox; here a lost answer raises InDoubtError, and finding out is the
caller's own affair.

A row becomes the function that writes it, as `model.writing` has it. Values are written as their field's kind says, so
that `"2026-01-31"` is as good as a date. Names that the catalogue does not have pass as text: the gateway takes some
elements in a write that `lookup` does not list.

Update what is there, create what is not: one look for the keys, then one function a row.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from intacct_bridge.client.gateway.calls import Calls
from intacct_bridge.client.reading.query import QueryReader
from intacct_bridge.errors import Fault, InvalidRequestError, RecordError
from intacct_bridge.model.batched import batched
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.keys import natural_key, record_key
from intacct_bridge.model.legacy.functions import WritePlan
from intacct_bridge.model.legacy.objects import legacy_object
from intacct_bridge.model.query.query import MAX_IN, Compare, Op, Query
from intacct_bridge.model.writing.functions import FunctionBuilder
from intacct_bridge.model.writing.generic import is_rows
from intacct_bridge.wire.envelope import ABORTED, SUCCESS, Result
from intacct_bridge.wire.values import DEFAULT, UNSET, Formatting, Kind, parse_value, render_value
from intacct_bridge.wire.xml import Element

FUNCTIONS_AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record."""

    status: str
    """success, failure, or aborted: rolled back because of another record of its transaction."""
    key: str = ""
    """RECORDNO, where the gateway gave one."""
    natural_key: str = ""
    faults: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it was applied."""
        return self.status == SUCCESS


def send_each(calls: Calls, bodies: Sequence[Element], *, transaction: bool = False) -> list[Outcome]:
    """Send one function a record, in requests of up to 100; a transaction must fit in one request."""
    if transaction and len(bodies) > FUNCTIONS_AT_A_TIME:
        raise InvalidRequestError(
            f"{len(bodies):,} records do not fit in one transaction, which holds {FUNCTIONS_AT_A_TIME}",
            fix="Send them without `transaction`, or in smaller groups.",
        )
    outcomes: list[Outcome] = []
    for some in batched(bodies, FUNCTIONS_AT_A_TIME):
        functions = calls.functions(*some)
        results = calls.send(functions, read=False, transaction=transaction, uniqueid=True)
        outcomes += [outcome_of(result) for result in results]
    return outcomes


def outcome_of(result: Result) -> Outcome:
    """The outcome of a function with one record: applied if the result says so or has its key, faults or not."""
    first = outcomes_of(result)[0]
    return replace(first, faults=result.faults) if first.ok else first


def outcomes_of(result: Result) -> list[Outcome]:
    """The outcomes in one result: of every record that has a key in it, then one for the records that failed.

    A function with many records may succeed in part: the keys are those of the records that were applied.
    """
    if result.key is not None:
        return [Outcome(result.status, result.key, result.key, result.faults)]
    applied = [_applied(record) for record in (() if result.data is None else result.data)]
    if result.status == SUCCESS:
        return applied or [Outcome(SUCCESS)]
    if result.status == ABORTED:
        return [Outcome(ABORTED, faults=result.faults)]
    return [*applied, Outcome(result.status, faults=result.faults)]


def _applied(record: Element) -> Outcome:
    cells = {child.tag.upper(): child.text for child in record}
    number = cells.pop("RECORDNO", cells.pop("ID", ""))
    named = cells.get(natural_key(record.tag) or "")
    return Outcome(SUCCESS, number, named or next((text for text in cells.values() if text), ""))


Definition = Callable[[str], ObjectDef | None]
"""An object's definition by name, or None where there is none to be had."""


class RowFunctions:
    """Builds the functions of one connection from rows; `is_legacy` is document type 2.1."""

    def __init__(self, definition: Definition, *, is_legacy: bool, formatting: Callable[[], Formatting]) -> None:
        self._definition = definition
        self._formatting = formatting
        self._builder = FunctionBuilder(definition, is_legacy=is_legacy, specific_changes=True, render=self._text)

    def create(self, object_name: str, row: Mapping[str, Any]) -> Element:
        """The function that creates the record; InvalidRequestError where none is documented."""
        name = object_name.upper()
        plan = self._builder.plan("create", name)
        return self._builder.generic("create", name, row) if plan is None else self._specific(plan, "create", row)

    def update(self, object_name: str, row: Mapping[str, Any]) -> Element:
        """The function that changes the record that the row's key names."""
        name = object_name.upper()
        plan = self._builder.plan("update", name)
        if plan is None:
            _check_key(name, row)
            return self._builder.generic("update", name, row)
        key, rest = _keyed(name, row)
        return self._specific(plan, "update", rest, key=key)

    def delete(self, object_name: str, key: str | int) -> Element:
        """The function that deletes the record of that key: RECORDNO, or what the object-specific function takes."""
        name, text = object_name.upper(), str(key).strip()
        if not text or "," in text:
            raise InvalidRequestError(f"{text!r} is not the key of one {name}")
        return self._builder.delete(name, text)

    def _specific(self, plan: WritePlan, operation: str, row: Mapping[str, Any], *, key: str = "") -> Element:
        described = self._definition(plan.object)
        cells = {name: _typed(described, name, value) for name, value in row.items() if not is_rows(value)}
        owned = {name: [dict(line) for line in value] for name, value in row.items() if is_rows(value)}
        return self._builder.specific(plan, operation, cells, owned, key=key)

    def _text(self, name: str, field: str, value: Any) -> str:
        described = self._definition(name)
        kind = Kind.TEXT if described is None else described.kind_of(field)
        offset = self._formatting().offset_minutes if isinstance(value, datetime) else 0
        return render_value(kind, value, Formatting(offset_minutes=offset))


def _keyed(name: str, row: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The key for the attribute of the object's own function, and the row without it."""
    attribute = legacy_object(name).attribute("update")
    if not attribute:
        return "", row
    # `key` is the natural id of master records and the RECORDNO of transactions; never the one for the other
    wanted = natural_key(name) or record_key(name)
    by_upper = {field.upper(): field for field in row}
    for field in (wanted, *(() if attribute == "key" else (attribute.upper(),))):
        given = by_upper.get(field)
        if given is not None and row[given] not in (None, "", UNSET):
            return str(row[given]), {key: value for key, value in row.items() if key != given}
    raise InvalidRequestError(f"an update of {name} must name its record", fix=f"Give {wanted}.")


def _check_key(name: str, row: Mapping[str, Any]) -> None:
    keys = [key for key in (record_key(name), natural_key(name), "id") if key]
    if not any(row.get(key) not in (None, "", UNSET) for key in keys):
        raise InvalidRequestError(f"an update of {name} must name its record", fix=f"Give {' or '.join(keys[:2])}.")


def _typed(described: ObjectDef | None, field: str, value: Any) -> Any:
    """A date given as text becomes one: these functions write dates in three elements."""
    kind = Kind.TEXT if described is None else described.kind_of(field)
    return parse_value(kind, value, DEFAULT) if kind is Kind.DATE and isinstance(value, str) else value


def upsert_functions(
    functions: RowFunctions, reading: QueryReader, object_name: str, *, rows: Sequence[Mapping[str, Any]], key: str
) -> list[Element]:
    """The functions in the rows' order. A key that two rows or two records share is refused by name."""
    name = object_name.upper()
    by = key.upper() or natural_key(name) or record_key(name)
    keys = [_key(row, by, name, number) for number, row in enumerate(rows, 1)]
    doubled = [text for text, count in Counter(keys).items() if text and count > 1]
    if doubled:
        raise RecordError(f"two rows have the {name}.{by} {doubled[0]!r}", field=by, record=doubled[0])
    there = _numbers(reading, name, by, keys=[text for text in keys if text])
    record = record_key(name)
    made = []
    for row, text in zip(rows, keys, strict=True):
        number = there.get(text, "")
        given = next((str(value) for field, value in row.items() if field.upper() == record and value), number)
        if number and given != number:
            raise RecordError(f"{name} {text!r} has the {record} {number}, and the row says {given}", field=record)
        made.append(functions.update(name, {record: number, **row}) if number else functions.create(name, row))
    return made


def _key(row: Mapping[str, Any], by: str, name: str, number: int) -> str:
    given = next((value for field, value in row.items() if field.upper() == by), None)
    if given in (None, UNSET, ""):
        if by != record_key(name):
            raise RecordError(f"row {number} has no {by}, the key to find {name} by", field=by, record=f"row {number}")
        return ""
    return str(given)


def _numbers(reading: QueryReader, name: str, by: str, *, keys: Sequence[str]) -> dict[str, str]:
    """The record numbers of the keys that are there."""
    record = record_key(name)
    found: dict[str, str] = {}
    for some in batched(keys, MAX_IN):
        where = Compare(by, Op.IN, tuple(some))
        for row in reading.rows(Query(name, (record, by), where=where, show_private=True)):
            text = str(row[by])
            if text in found:
                raise InvalidRequestError(
                    f"two {name} have the {by} {text!r}, so it cannot say which of them to update",
                    fix="Name a field that is unique with `key`.",
                )
            found[text] = str(row[record])
    return found
