"""Single records: found by their keys, created, updated, deleted, or acted on as a whole.

A change is made at once, through the outbox, or becomes a plan that is saved and approved. A key is a RECORDNO or a
natural key (VENDORID, LOCATIONID, ...). A number may be both: `100` can be a location's id and another location's
RECORDNO. One query looks for both, and if it finds two records, an error asks which one is meant.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from intacct_bridge.client.protocol import ReadGateway, Row
from intacct_bridge.client.reading.records import Record
from intacct_bridge.client.writing import IN_DOUBT, NOT_SENT, Outcome
from intacct_bridge.load.apply.sender import refuse_without_plan
from intacct_bridge.load.apply.single_writes import OutboxWriter, ShownValues, shown_records
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.plan.plan import Mode, Plan, PlanSettings
from intacct_bridge.load.plan.planner import make_plan, plan_writes
from intacct_bridge.load.tables.table import table_of_rows
from intacct_bridge.load.tables.xml_records import read_records as read_xml_records
from intacct_bridge.load.undo.action_writes import action_write
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_bridge.runs.run import RecordCounts
from intacct_protocol.errors import IntacctError, InvalidRequestError, RecordError, SettingsError
from intacct_protocol.model.json_input import json_number, refuse_repeated_keys
from intacct_protocol.model.keys import natural_key, record_key
from intacct_protocol.model.legacy.objects import legacy_object
from intacct_protocol.model.nesting import refusing_depth
from intacct_protocol.model.query.query import Query, any_of, field
from intacct_protocol.model.writing.actions import action_of
from intacct_protocol.xml.envelope import SUCCESS
from intacct_protocol.xml.values import Kind, parse_value

__all__ = [
    "FoundRecord",
    "KeyKind",
    "OutboxWriter",
    "Outcome",
    "Record",
    "RecordChange",
    "change_records",
    "creation",
    "deletion",
    "fields_of_document",
    "find_records",
    "plan_action",
    "plan_change",
    "read_records",
    "typed_fields",
    "update",
]

KeyKind = Literal["either", "recordno", "name"]
RecordFields = Mapping[str, Any]
"""A record's own values by field, with its lines as lists of such mappings."""


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A key that a person gave, with its record."""

    key: str
    record: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class RecordChange:
    """A change of single records of one object."""

    operation: Literal["create", "update", "delete"]
    object: str
    rows: tuple[RecordFields, ...]
    """The fields of each record; of those to delete, their record numbers alone."""
    records: tuple[FoundRecord, ...] = ()
    """The records that are updated or deleted."""
    source: str = ""
    """The change in words."""


def find_records(
    company: ReadGateway, object_name: str, keys: Sequence[str], *, by: KeyKind = "either"
) -> list[FoundRecord]:
    """The record of each key, in order. RecordError if there is none, InvalidRequestError for two."""
    described = company.describe(object_name)
    key = record_key(described.name)
    natural = natural_key(described.name) or ""
    if described.get(natural) is None or natural == key:
        natural = ""
    numbers = [text for text in keys if text.isdecimal()] if by != "name" else []
    if numbers and natural and company.connection.is_legacy:
        return _found_over_legacy(company, described.name, keys, by=by)
    names = list(keys) if natural and by != "recordno" else []
    parts = ([field(key).is_in([int(number) for number in numbers])] if numbers else []) + (
        [field(natural).is_in(names)] if names else []
    )
    if not parts:
        raise InvalidRequestError(
            f"{described.name} is found by {key} only, and {keys[0]!r} is not a number",
            fix=f"Find it with: intacct query {described.name}",
        )
    select = (key, natural) if natural else (key,)
    at_top = not company.connection.location_id
    rows = list(company.query(Query(described.name, select, where=any_of(parts), show_private=at_top)))
    by_record = {str(row[key]): row for row in rows}
    by_name = {str(row.get(natural)): row for row in rows} if natural else {}
    return [_find(text, described.name, key, natural, by_record if text in numbers else {}, by_name) for text in keys]


def _found_over_legacy(
    company: ReadGateway, object_name: str, keys: Sequence[str], *, by: KeyKind
) -> list[FoundRecord]:
    """The same for master data over document type 2.1, whose functions ask for the natural key in place of a number."""
    natural = natural_key(object_name) or ""
    at_top = not company.connection.location_id
    named: set[str] = set()
    if by != "recordno":
        query = Query(object_name, (natural,), where=field(natural).is_in(list(keys)), show_private=at_top)
        named = {str(row.get(natural)) for row in company.query(query)}
    numbers = [text for text in keys if text.isdecimal() and text not in named]
    by_number: dict[str, str] = {}
    if numbers:
        where = field("recordno").is_in(numbers)  # a name of 2.1, which `pages` sends as it is
        for page in company.pages(Query(object_name, ("*",), where=where, show_private=at_top)):
            names = legacy_object(object_name).answer_names(natural)
            by_number |= {str(row.get("recordno")): next(str(row[name]) for name in names if row.get(name))
                          for row in page.rows}  # fmt: skip
    names_by_key = {**by_number, **{name: name for name in named}}
    missing = next((text for text in keys if text not in names_by_key), None)
    if missing is not None:
        raise RecordError(
            f"there is no {object_name} with the {natural if by != 'recordno' else 'RECORDNO'} {missing!r}",
            fix=f"List them: intacct query {object_name} --select {natural}",
        )
    return [FoundRecord(text, names_by_key[text], names_by_key[text]) for text in keys]


def _find(  # noqa: PLR0917
    text: str,
    object_name: str,
    key: str,
    natural: str,
    by_record: Mapping[str, Row],
    by_name: Mapping[str, Row],
) -> FoundRecord:
    record, named = by_record.get(text), by_name.get(text)
    if record is not None and named is not None and record[key] != named[key]:
        raise InvalidRequestError(
            f"{text} is the {natural} of one {object_name} and the {key} of another ({natural} {record.get(natural)})",
            fix="Give `by = name` or `by = recordno`.",
            setting="by",
        )
    row = named or record
    if row is None:
        names = f"{natural} or {key}" if natural else key
        raise RecordError(
            f"there is no {object_name} with the {names} {text!r}",
            fix=f"List them: intacct query {object_name} --select {natural or key}",
        )
    return FoundRecord(text, str(row[key]), str(row.get(natural) or ""))


def read_records(run: CompanyRun, object_name: str, keys: Sequence[str], *, by: KeyKind = "either") -> list[Record]:
    """The records of these keys, with all their fields and lines."""
    records = find_records(run.client, object_name.upper(), keys, by=by)
    return run.client.read(object_name.upper(), [record.record for record in records])


# --- changes


def typed_fields(run: CompanyRun, object_name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Fields that a person typed, under the names and with the kinds of the company's catalogue."""
    described = run.client.describe(object_name)
    return {described.find(name).name: _typed(described.find(name).kind, name, text) for name, text in texts.items()}


def _typed(kind: Kind, name: str, text: str) -> Any:
    try:
        return parse_value(kind, text)
    except RecordError as error:
        raise InvalidRequestError(f"{name}: {error.message}", fix=error.fix) from None


def fields_of_document(text: bytes, name: str) -> dict[str, Any]:
    """The fields of one record from a JSON object or an XML document; SettingsError names the file."""
    if text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        records = list(read_xml_records(text, name))
        if len(records) != 1:
            raise SettingsError(f"{name} has {len(records)} records", fix="For many records use `intacct load`.")
        return records[0]
    try:
        with refusing_depth(name, text):
            fields = json.loads(text, parse_float=json_number)
            refuse_repeated_keys(text, fields, name)
    except (ValueError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise SettingsError(
            f"{name} is not a JSON object", fix="Give one record as one object; for many records use `intacct load`."
        )
    return fields


def creation(object_name: str, fields: RecordFields) -> RecordChange:
    """The change that creates a record."""
    name = object_name.upper()
    return RecordChange("create", name, (fields,), source=f"create {name}")


def update(
    run: CompanyRun, object_name: str, key: str, fields: RecordFields, *, by: KeyKind = "either"
) -> RecordChange:
    """The change that updates these fields of a record. SettingsError if they name another record's number."""
    name = object_name.upper()
    (record,) = find_records(run.client, name, [key], by=by)
    number = record_key(name)
    other = next(
        (str(value) for one, value in fields.items() if one.upper() == number and str(value) != record.record), ""
    )
    if other:
        raise SettingsError(
            f"{name} {key} has the {number} {record.record}, and the fields have {other}",
            fix=f"Leave {number} out, or name the other record.",
        )
    named = natural_key(name) if run.connection.is_legacy and record.name else None
    replaced = (number, named)  # the functions of document type 2.1 name the record by its natural key
    row = {one: value for one, value in fields.items() if one.upper() not in replaced}
    if named is not None:
        row[named] = record.name
    else:
        row[number] = int(record.record) if record.record.isdecimal() else record.record
    return RecordChange("update", name, (row,), (record,), f"update {name} {key}")


def deletion(run: CompanyRun, object_name: str, keys: Sequence[str], *, by: KeyKind = "either") -> RecordChange:
    """The change that deletes these records."""
    name = object_name.upper()
    records = find_records(run.client, name, keys, by=by)
    listed = ", ".join(record.name or record.record for record in records[:5])
    rows = tuple({record_key(name): record.record} for record in records)
    return RecordChange("delete", name, rows, tuple(records), f"delete {name} {listed}")


def change_records(
    run: CompanyRun, change: RecordChange, *, confirm: Callable[[], object] | None = None
) -> tuple[Outcome, ...]:
    """Make a change through the outbox, which keeps the write and its receipt.

    `confirm` asks a person, right before anything is sent. Records that are updated or deleted must be as they were
    before the question; its error stops the work. SettingsError if the connection requires an approval. An error has
    the outcomes of all records as far as they are known.
    """
    refuse_without_plan(run.connection)
    shown: Sequence[ShownValues] = ()
    if confirm is not None:
        if change.operation != "create":
            shown = shown_records(run.client, change.operation, change.object, change.rows)
        confirm()
    number = record_key(change.object)
    rows: Sequence[Any] = [row[number] for row in change.rows] if change.operation == "delete" else change.rows
    outcomes: Sequence[Outcome] = ()
    with run.open_outbox() as outbox:
        client = run.client.through(OutboxWriter(outbox, keep_earlier=True, shown=shown))
        send = {"create": client.create, "update": client.update, "delete": client.delete}[change.operation]
        run.recorder.destination = f"{change.object} in {run.connection.target}"
        try:
            outcomes = send(change.object, rows)  # type: ignore[operator]
        except IntacctError as error:
            outcomes = error.outcomes
            raise
        finally:
            good, doubtful, unsent = (
                sum(one.status == status for one in outcomes) for status in (SUCCESS, IN_DOUBT, NOT_SENT)
            )
            refused = len(outcomes) - good - doubtful - unsent
            run.recorder.records += RecordCounts(good, refused=refused, in_doubt=doubtful, not_sent=unsent)
    return tuple(outcomes)


def plan_change(run: CompanyRun, change: RecordChange) -> Plan:
    """Plan a change as a load of its records would be, to save it and have it approved."""
    layout = layout_for(change.object, run.client)
    table = table_of_rows(change.source, change.rows)
    with run.open_outbox() as outbox:
        return make_plan(table, layout, run.client, outbox, PlanSettings(mode=Mode(change.operation)))


def plan_action(
    run: CompanyRun,
    operation: str,
    object_name: str,
    key: str,
    *,
    by: KeyKind = "either",
    day: date | None = None,
    comment: str = "",
) -> Plan:
    """Plan what Intacct does to a whole record: reverse, void, approve, decline or recall it. `day` is that of a
    reversal; None: today, by the company's clock.
    """
    name = object_name.upper()
    action = action_of(operation, name, is_legacy=run.connection.is_legacy)
    if comment and not action.comment:
        raise SettingsError(f"{action.function} takes no text", fix="Leave `comment` out.", setting="comment")
    (record,) = find_records(run.client, name, [key], by=by)
    write = action_write(action, record.record, record.name, day=day or run.client.company_time.date(), comment=comment)
    with run.open_outbox() as outbox:
        return plan_writes([write], name, run.client, outbox, source=f"{operation} {name} {key}")
