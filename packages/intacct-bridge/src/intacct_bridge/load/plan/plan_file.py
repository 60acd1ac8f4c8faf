"""A plan as JSON, so that another person can check it, and so that exactly the checked plan is applied later.

It is a file, or the outbox holds it (`stored_plans`). It holds every value with its kind, so that an amount comes back
as the same decimal. It does not hold the input's cells, only the records to write and their positions in the input. A
seal over all of it shows that it was altered. The seal is not secret, so each record is also compared with its own
content (`altered_plans`).
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from intacct_bridge.load.plan.altered_plans import refuse_altered
from intacct_bridge.load.plan.changes import Change
from intacct_bridge.load.plan.plan import MatchRules, Plan, PlannedRecord, PlanOrigin, Verdict
from intacct_bridge.load.records.kept_values import KeptFields, fields_of, kept_fields
from intacct_bridge.load.records.write import (
    Finding,
    Identity,
    InputContent,
    Receipt,
    RecordLine,
    Write,
    WriteOperation,
)
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.machine.replaced_file import replaced
from intacct_protocol.errors import SettingsError

_VERSION = 1


class _Position(Struct, frozen=True):
    """A row of the input, without its cells."""

    source: str
    number: int


class _Line(Struct, frozen=True):
    object: str
    row: _Position
    fields: KeptFields


_Lines = dict[str, tuple[_Line, ...]]
"""By wrapper."""


class _Input(Struct, frozen=True):
    fields: KeptFields
    lines: _Lines


class _Record(Struct, frozen=True):
    verdict: Verdict
    operation: WriteOperation
    object: str
    label: str
    identity: Identity
    identities: tuple[Identity, ...]
    digest: str
    rows: tuple[_Position, ...]
    columns: dict[str, str]
    entity: str
    currency: str
    fields: KeptFields
    lines: _Lines
    input: _Input | None
    """The content as the input gives it, if planning has changed it since."""
    unchanged: KeptFields
    attachments: tuple[str, ...]
    folder: str
    undoes: int | None
    labels: frozenset[str]
    receipt: Receipt | None
    since: datetime | None
    changes: tuple[Change, ...]
    existing: dict[str, str]
    read: tuple[Finding, ...]
    """What reading the input found: it cannot be found again, since the plan has no cells."""
    findings: tuple[Finding, ...]


class _Header(Struct, frozen=True):
    plan: int = 0
    """The version of the format."""


class _Plan(_Header, frozen=True, kw_only=True):
    origin: PlanOrigin | None
    target: TargetCompany
    object: str
    source: str
    columns: tuple[str, ...]
    reads: int
    notes: tuple[str, ...]
    unchecked: tuple[str, ...]
    names: dict[str, dict[str, str]]
    """Of the company's records that these refer to, by object and id."""
    rules: MatchRules
    records: tuple[_Record, ...]
    seal: str = ""


def save_plan(plan: Plan, path: Path) -> None:
    """Write the plan to a file that only its owner can read, since it holds the records to post.

    An earlier plan in the file stays until the new one is complete.
    """
    text = msgspec.json.format(plan_text(plan), indent=1)
    try:
        with replaced(path.resolve()) as fresh:
            fresh.touch(mode=0o600)
            fresh.write_bytes(text)
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}", fix="name another file") from None


def plan_text(plan: Plan) -> bytes:
    """The plan as JSON, with its seal."""
    stored = _Plan(
        plan=_VERSION,
        origin=plan.origin,
        target=plan.target,
        object=plan.object,
        source=plan.source,
        columns=plan.columns,
        reads=plan.reads,
        notes=plan.notes,
        unchecked=plan.unchecked,
        names={name: dict(of_object) for name, of_object in plan.names.items()},
        rules=plan.rules,
        records=tuple(map(_stored_record, plan.records)),
    )
    return msgspec.json.encode(msgspec.structs.replace(stored, seal=_seal(stored)))


def open_plan(path: Path) -> Plan:
    """A plan from its file. SettingsError if it is not a plan, was altered, or is of another version."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror or error}", fix="check the path") from None
    return plan_of(text, str(path))


def plan_of(text: bytes, name: str) -> Plan:
    """A plan from its JSON; `name` is what an error calls it. SettingsError as of `open_plan`."""
    try:
        if msgspec.json.decode(text, type=_Header).plan != _VERSION:
            raise SettingsError(
                f"{name} is not a plan that this version can read", fix="make a new one with `out`", setting="out"
            )
        stored = msgspec.json.decode(text, type=_Plan)
        if stored.seal != _seal(stored):
            raise SettingsError(f"{name} was altered since it was made", fix="change the input, and make a new plan")
        plan = Plan(
            stored.target,
            stored.object,
            stored.source,
            stored.columns,
            tuple(map(_planned_record, stored.records)),
            stored.reads,
            stored.notes,
            stored.unchecked,
            stored.rules,
            stored.origin,
            names=stored.names,
        )
        for record in plan.records:
            refuse_altered(record)
        return plan
    except (ValueError, ArithmeticError, RecursionError):  # msgspec's errors are ValueErrors
        raise SettingsError(f"{name} is not a plan", fix="make one with: intacct load FILE --out PLAN") from None


def _seal(stored: _Plan) -> str:
    """The digest of everything in the plan but the seal itself."""
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(stored, seal=""))).hexdigest()


def _stored_record(record: PlannedRecord) -> _Record:
    write = record.write
    return _Record(
        verdict=record.verdict,
        operation=write.operation,
        object=write.object,
        label=write.label,
        identity=write.identity,
        identities=write.identities,
        digest=write.digest,
        rows=tuple(map(_position, write.rows)),
        columns=dict(write.columns),
        entity=write.entity,
        currency=write.currency,
        fields=kept_fields(write.fields),
        lines=_stored_lines(write.lines),
        input=_input_of(write.input_content) if write.input_content else None,
        unchanged=kept_fields(write.unchanged),
        attachments=write.attachments,
        folder=write.folder,
        undoes=write.undoes,
        labels=write.labels,
        receipt=record.receipt,
        since=record.since,
        changes=record.changes,
        existing=dict(record.existing),
        read=write.findings,
        findings=record.findings,
    )


def _input_of(content: InputContent) -> _Input:
    return _Input(kept_fields(content.fields), _stored_lines(content.lines))


def _content_of(stored: _Input) -> InputContent:
    return InputContent(fields_of(stored.fields), _record_lines(stored.lines))


def _stored_lines(lines: Mapping[str, tuple[RecordLine, ...]]) -> _Lines:
    return {
        wrapper: tuple(_Line(line.object, _position(line.row), kept_fields(line.fields)) for line in of_wrapper)
        for wrapper, of_wrapper in lines.items()
    }


def _position(row: SourceRow) -> _Position:
    return _Position(row.source, row.number)


def _planned_record(stored: _Record) -> PlannedRecord:
    write = Write(
        stored.operation,
        stored.object,
        fields_of(stored.fields),
        stored.identity,
        stored.digest,
        stored.label,
        tuple(map(_row, stored.rows)),
        _record_lines(stored.lines),
        stored.columns,
        findings=stored.read,
        attachments=stored.attachments,
        folder=stored.folder,
        entity=stored.entity,
        currency=stored.currency,
        unchanged=fields_of(stored.unchanged),
        input_content=_content_of(stored.input) if stored.input else None,
        undoes=stored.undoes,
        labels=stored.labels,
        identities=stored.identities,
    )
    return PlannedRecord(
        write, stored.verdict, stored.findings, stored.receipt, stored.since, stored.changes, stored.existing
    )


def _record_lines(stored: _Lines) -> dict[str, tuple[RecordLine, ...]]:
    return {
        wrapper: tuple(RecordLine(line.object, fields_of(line.fields), _row(line.row)) for line in of_wrapper)
        for wrapper, of_wrapper in stored.items()
    }


def _row(position: _Position) -> SourceRow:
    return SourceRow(position.source, position.number, {})
