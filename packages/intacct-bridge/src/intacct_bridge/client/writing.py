"""Single writes outside the outbox: rows become functions, are sent once, and give outcomes.

Each function has one record, so that each has a result of its own; a request has up to 100 functions. A lost answer
raises InDoubtError, and the caller has to find out what was applied; `load.apply`, which keeps an outbox, does that by
itself.

`model.writing` builds the functions. Values are written as their field's kind requires, so that `"2026-01-31"` may
stand for a date. Names that the catalogue does not have are written as text, unless they are misspelt: in a write the
gateway takes some elements that `lookup` does not list.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from intacct_bridge.client.gateway.calls import Calls
from intacct_bridge.client.reading.key_lookup import rows_by_keys
from intacct_bridge.client.reading.query import QueryReader
from intacct_protocol.errors import Fault, IntacctError, InvalidRequestError, RecordError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import lines, natural_key, record_key
from intacct_protocol.model.legacy.functions import WritePlan
from intacct_protocol.model.legacy.objects import legacy_object
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.model.writing.field_names import refuse_misspelt
from intacct_protocol.model.writing.functions import FunctionBuilder
from intacct_protocol.model.writing.generic import is_rows
from intacct_protocol.xml.envelope import ABORTED, SUCCESS, Result
from intacct_protocol.xml.reply import may_be_applied
from intacct_protocol.xml.values import DEFAULT, UNSET, Formatting, Kind, Value, beyond_cents, parse_value, render_value
from intacct_protocol.xml.xml import Element

FUNCTIONS_AT_A_TIME = 100

IN_DOUBT = "in doubt"
NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of writing one record."""

    status: str
    """success, failure, or aborted: rolled back because another record of its transaction failed.

    In the `outcomes` of an error also "in doubt" (it may be applied) and "not sent".
    """
    key: str = ""
    """RECORDNO, if the gateway gave one."""
    natural_key: str = ""
    faults: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it was applied."""
        return self.status == SUCCESS


def send_each(calls: Calls, bodies: Sequence[Element], *, transaction: bool = False) -> list[Outcome]:
    """Send functions of one record each, in requests of up to 100; a transaction must fit in one request."""
    if transaction and len(bodies) > FUNCTIONS_AT_A_TIME:
        raise InvalidRequestError(
            f"{len(bodies):,} records do not fit in one transaction, which holds {FUNCTIONS_AT_A_TIME}",
            fix="Send them without `transaction`, or in smaller groups.",
        )
    outcomes: list[Outcome] = []
    for chunk in batched(bodies, FUNCTIONS_AT_A_TIME):
        functions = calls.functions(*chunk)
        try:
            results = calls.send(functions, read=False, transaction=transaction, uniqueid=True)
        except IntacctError as error:
            error.outcomes = (Outcome(IN_DOUBT if may_be_applied(error) else NOT_SENT),) * len(chunk)
            tell_outcomes(error, outcomes, len(bodies))
            raise
        outcomes += [outcome_of(result) for result in results]
    return outcomes


def tell_outcomes(error: IntacctError, before: Sequence[Outcome], count: int) -> None:
    """Give an error the outcomes of all rows: those before it, its own, and those of the rest, not sent."""
    told = (*before, *error.outcomes)
    error.outcomes = (*told, *(Outcome(NOT_SENT),) * (count - len(told)))


def outcome_of(result: Result) -> Outcome:
    """The outcome of a function with one record: applied if the result says so or has a key, even with faults."""
    first = outcomes_of(result)[0]
    return replace(first, faults=result.faults) if first.ok else first


def outcomes_of(result: Result) -> list[Outcome]:
    """The outcomes in one result: one for each record that has a key, then one for the records that failed.

    A function with many records may succeed in part: only the records that were applied have keys.
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
"""An object's definition by name, or None if there is none."""


class RowFunctions:
    """Builds the functions of one connection from rows; `is_legacy` stands for document type 2.1."""

    def __init__(
        self,
        definition: Definition,
        *,
        is_legacy: bool,
        formatting: Callable[[], Formatting],
        unlisted: Collection[str] = (),
    ) -> None:
        """`unlisted`: names that are sent although they look like misspelt ones."""
        self._unlisted = unlisted
        self._definition = definition
        self._formatting = formatting
        self._builder = FunctionBuilder(definition, is_legacy=is_legacy, specific_changes=True, render=self._text)

    def create(self, object_name: str, row: Mapping[str, Any]) -> Element:
        """The function that creates the record; InvalidRequestError if none is documented."""
        name = object_name.upper()
        plan = self._builder.plan("create", name)
        return self._generic("create", name, row) if plan is None else self._specific(plan, "create", row)

    def update(self, object_name: str, row: Mapping[str, Any]) -> Element:
        """The function that changes the record that the row's key names."""
        name = object_name.upper()
        plan = self._builder.plan("update", name)
        if plan is None:
            _check_key(name, row)
            return self._generic("update", name, row)
        key, rest = _keyed(name, row)
        return self._specific(plan, "update", rest, key=key)

    def delete(self, object_name: str, key: str | int) -> Element:
        """The function that deletes the record of that key: RECORDNO, or what the object-specific function takes."""
        name, text = object_name.upper(), str(key).strip()
        if not text or "," in text:
            raise InvalidRequestError(f"{text!r} is not the key of one {name}")
        return self._builder.delete(name, text)

    def _generic(self, operation: str, name: str, row: Mapping[str, Any]) -> Element:
        """The generic function; the object-specific ones refuse every field that they do not take."""
        self._check_names(name, row)
        owned = {one.wrapper: one.line for one in lines(name)}
        for wrapper, members in row.items():
            for line in members if wrapper in owned and is_rows(members) else ():
                self._check_names(owned[wrapper], line)
        return self._builder.generic(operation, name, row)

    def _check_names(self, name: str, row: object) -> None:
        described = self._definition(name)
        if described is not None and isinstance(row, Mapping):
            refuse_misspelt(described, row, self._unlisted)

    def _specific(self, plan: WritePlan, operation: str, row: Mapping[str, Any], *, key: str = "") -> Element:
        described = self._definition(plan.object)
        cells = {name: _typed(described, name, value) for name, value in row.items() if not is_rows(value)}
        owned = {name: [dict(line) for line in value] for name, value in row.items() if is_rows(value)}
        return self._builder.specific(plan, operation, cells, owned, key=key)

    def _text(self, name: str, field: str, value: Any) -> str:
        described = self._definition(name)
        definition = None if described is None else described.get(field)
        kind = Kind.TEXT if definition is None else definition.kind
        if definition is not None and definition.is_money:
            _check_cents(kind, value)
        timed = isinstance(value, datetime) or (kind is Kind.TIMESTAMP and isinstance(value, str) and value)
        offset = self._formatting().offset_minutes if timed else 0
        return render_value(kind, value, Formatting(offset_minutes=offset))


def _check_cents(kind: Kind, value: Any) -> None:
    """RecordError for an amount with more than two decimals, which Intacct would round."""
    amount = parse_value(kind, value) if isinstance(value, str) else value
    if isinstance(amount, Decimal) and amount.is_finite() and beyond_cents(amount):
        fix = "Round it; Intacct would round each amount by itself."
        raise RecordError(f"{amount:f} has more than two decimals", fix=fix)


def _keyed(name: str, row: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The key for the attribute of the object's own function, and the row without it."""
    attribute = legacy_object(name).attribute("update")
    if not attribute:
        return "", row
    # `key` is the natural id for master records and the RECORDNO for transactions
    key_field = natural_key(name) or record_key(name)
    by_upper = {field.upper(): field for field in row}
    for field in (key_field, *(() if attribute == "key" else (attribute.upper(),))):
        column_name = by_upper.get(field)
        if column_name is not None and row[column_name] not in (None, "", UNSET):
            return str(row[column_name]), {key: value for key, value in row.items() if key != column_name}
    raise InvalidRequestError(f"an update of {name} must name its record", fix=f"Give {key_field}.")


def _check_key(name: str, row: Mapping[str, Any]) -> None:
    keys = [key for key in (record_key(name), natural_key(name), "id") if key]
    if not any(row.get(key) not in (None, "", UNSET) for key in keys):
        raise InvalidRequestError(f"an update of {name} must name its record", fix=f"Give {' or '.join(keys[:2])}.")


def _typed(described: ObjectDef | None, field: str, value: Any) -> Any:
    """The value, with a date given as text as a date: these functions write dates in three elements."""
    kind = Kind.TEXT if described is None else described.kind_of(field)
    return parse_value(kind, value, DEFAULT) if kind is Kind.DATE and isinstance(value, str) else value


def upsert_functions(
    functions: RowFunctions, queries: QueryReader, object_name: str, *, rows: Sequence[Mapping[str, Any]], key: str
) -> list[Element]:
    """An update for each row whose key exists and a create for the others, in the rows' order.

    RecordError if two rows have one key, a row has none, or no record has the number of a row; InvalidRequestError
    if two records have one key.
    """
    name = object_name.upper()
    by = key.upper() or natural_key(name) or record_key(name)
    kind = queries.describe(name).kind_of(by)
    keys = [_row_key(row, by, name, number, kind=kind) for number, row in enumerate(rows, 1)]
    duplicates = [one for one, count in Counter(keys).items() if one != "" and count > 1]
    if duplicates:
        text = str(duplicates[0])
        raise RecordError(f"two rows have the {name}.{by} {text!r}", field=by, record=text)
    existing = _existing_records(queries, name, by, keys=[one for one in keys if one != ""])
    record = record_key(name)
    bodies = []
    for row, row_key in zip(rows, keys, strict=True):
        number, stored = existing.get(row_key, ("", None))
        record_number = next((str(value) for field, value in row.items() if field.upper() == record and value), number)
        if number and record_number != number:
            raise RecordError(
                f"{name} {str(row_key)!r} has the {record} {number}, and the row has {record_number}", field=record
            )
        if row_key != "" and not number and by == record:
            raise RecordError(
                f"there is no {name} with the {record} {row_key}", field=record, fix="Correct the number."
            )
        cells = _named_as(row, by, stored)
        bodies.append(functions.update(name, {record: number, **cells}) if number else functions.create(name, row))
    return bodies


def _named_as(row: Mapping[str, Any], by: str, stored: Value) -> Mapping[str, Any]:
    """A row with its key as the company has it, which may have the accents in another form."""
    if not isinstance(stored, str):
        return row
    return {field: stored if field.upper() == by else value for field, value in row.items()}


def _row_key(row: Mapping[str, Any], by: str, name: str, number: int, *, kind: Kind) -> Value:
    """A row's key in the form that equal keys share; empty if it has none."""
    key_value = next((value for field, value in row.items() if field.upper() == by), None)
    if key_value in (None, UNSET, ""):
        if by != record_key(name):
            raise RecordError(f"row {number} has no {by}, the key to find {name} by", field=by, record=f"row {number}")
        return ""
    text = key_value if isinstance(key_value, int | Decimal | date) else str(key_value)
    return _equal_key(parse_value(kind, text) if isinstance(text, str) else text)


def _equal_key(value: Value) -> Value:
    """A typed value in the form that equal ones share: 5 and 5.00 are equal, and so are the forms of an accent."""
    return nfc(value) if isinstance(value, str) else value


def _existing_records(
    queries: QueryReader, name: str, by: str, *, keys: Sequence[Value]
) -> dict[Value, tuple[str, Value]]:
    """The record numbers of the keys that exist, each with the key as the company has it."""
    by_key: dict[Value, tuple[str, Value]] = {}
    if not keys:
        return by_key
    record = record_key(name)
    query = Query(name, (record, by), show_private=True)
    for row in rows_by_keys(queries.rows, query, [{by: one} for one in keys], queries.describe(name).kind_of):
        row_key = _equal_key(row[by])
        if row_key in by_key:
            raise InvalidRequestError(
                f"two {name} have the {by} {str(row_key)!r}, so the record to update is not clear",
                fix="Name a field that is unique with `key`.",
            )
        by_key[row_key] = str(row[record]), row[by]
    return by_key
