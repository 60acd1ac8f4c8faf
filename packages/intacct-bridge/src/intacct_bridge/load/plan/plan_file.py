"""A plan as a file, so that another person can check it, and so that exactly the checked plan is applied later.

The file is JSON. It holds every value with its kind, so that an amount comes back as the same decimal. It does not hold
the input's cells, only the records to write and their positions in the input. A seal over all of it shows that it was
altered. The seal is not secret, so each record is also compared with its own content (`flow.plan.altered`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import UNSET, Struct, UnsetType

from intacct_bridge.load.plan.altered_plans import refuse_altered
from intacct_bridge.load.plan.changes import Change
from intacct_bridge.load.plan.plan import Plan, PlannedRecord, PlanOrigin, SendOptions, Verdict
from intacct_bridge.load.records.kept_values import KeptFields, fields_of, kept_fields
from intacct_bridge.load.records.write import (
    Finding,
    GivenContent,
    Identity,
    Receipt,
    RecordLine,
    Write,
    WriteOperation,
)
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.machine.replaced_file import replaced
from intacct_protocol.errors import SettingsError

_FIRST, _VERSION = 1, 2
"""The formats: the first has no seal, and of an update no more than what it sends."""


_Fields = KeptFields
_Lines = dict[str, tuple[tuple[str, str, int, _Fields], ...]]
"""By wrapper: the object of a line, the source and number of its row, and its fields."""


class _Given(Struct, frozen=True):
    fields: _Fields
    lines: _Lines


class _Record(Struct, frozen=True, kw_only=True):
    verdict: Verdict
    receipt: tuple[str, str] | None
    since: str | None
    changes: tuple[tuple[str, ...], ...] = ()
    """A name, what was before and comes after, and the changes of single lines."""
    findings: tuple[tuple[str, str, str, str, str, bool], ...]
    operation: WriteOperation
    object: str
    identity: tuple[str, str]
    digest: str
    label: str
    rows: tuple[tuple[str, int], ...]
    columns: dict[str, str]
    attachments: tuple[tuple[str, ...], str] = ((), "")
    entity: str = ""
    known: _Fields = msgspec.field(default_factory=dict)
    fields: _Fields
    lines: _Lines
    given: _Given | None = None
    """The content as the input gives it, if planning has changed it since."""
    undoes: int | UnsetType = UNSET
    existing: dict[str, str] | UnsetType = UNSET


class _Header(Struct, frozen=True):
    plan: int = 0
    """The version of the format."""


class _Origin(Struct, frozen=True):
    id: str
    outbox: str
    batch_size: int
    atomic: bool
    stop_on_error: bool
    needs_approval: bool | UnsetType = UNSET


class _Plan(_Header, frozen=True, kw_only=True):
    where: tuple[str, str, str, str]
    object: str
    source: str
    columns: tuple[str, ...]
    reads: int
    notes: tuple[str, ...]
    unchecked: tuple[str, ...]
    records: tuple[_Record, ...]
    seal: str = ""
    origin: _Origin | UnsetType = UNSET


def save_plan(plan: Plan, path: Path) -> None:
    """Write the plan to a file that only its owner can read, since it holds the records to post.

    An earlier plan in the file stays until the new one is complete.
    """
    kept = _stored_form(plan)
    sealed = msgspec.structs.replace(kept, seal=_seal(kept))
    data = msgspec.json.format(msgspec.json.encode(sealed), indent=1)
    try:
        with replaced(path.resolve()) as fresh:
            fresh.touch(mode=0o600)
            fresh.write_bytes(data)
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}", fix="name another file") from None


def open_plan(path: Path) -> Plan:
    """A plan from its file. SettingsError if it is not a plan, was altered, or is of another version."""
    try:
        data = path.read_bytes()
        if msgspec.json.decode(data, type=_Header).plan not in (_FIRST, _VERSION):
            raise SettingsError(
                f"{path} is not a plan that this version can read", fix="make a new one with `out`", setting="out"
            )
        kept = msgspec.json.decode(data, type=_Plan)
        if kept.plan == _VERSION and kept.seal != _seal(kept):
            raise SettingsError(f"{path} was altered since it was made", fix="change the input, and make a new plan")
        plan = _plan(kept)
        for record in plan.records:
            refuse_altered(record, has_given=kept.plan == _VERSION)
        return plan
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror or error}", fix="check the path") from None
    except (ValueError, ArithmeticError):  # msgspec's errors are ValueErrors
        raise SettingsError(f"{path} is not a plan", fix="make one with: intacct load FILE --out PLAN") from None


def _seal(kept: _Plan) -> str:
    """The digest of everything in the plan but the seal itself."""
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(kept, seal=""))).hexdigest()


def _stored_form(plan: Plan) -> _Plan:
    return _Plan(
        plan=_VERSION,
        where=astuple(plan.target),
        object=plan.object,
        source=plan.source,
        columns=plan.columns,
        reads=plan.reads,
        notes=plan.notes,
        unchecked=plan.unchecked,
        records=tuple(map(_kept_record, plan.records)),
        origin=_kept_origin(plan.origin) if plan.origin else UNSET,
    )


def _kept_origin(origin: PlanOrigin) -> _Origin:
    options = origin.options
    needed = origin.needs_approval or UNSET
    return _Origin(origin.id, origin.outbox, options.batch_size, options.atomic, options.stop_on_error, needed)


def _kept_record(record: PlannedRecord) -> _Record:
    write = record.write
    return _Record(
        verdict=record.verdict,
        receipt=astuple(record.receipt) if record.receipt else None,
        since=record.since.isoformat() if record.since else None,
        changes=tuple((one.name, one.before, one.after, *one.lines) for one in record.changes),
        findings=tuple(map(msgspec.structs.astuple, record.findings)),
        operation=write.operation,
        object=write.object,
        identity=(write.identity.text, write.identity.kind),
        digest=write.digest,
        label=write.label,
        rows=tuple((row.source, row.number) for row in write.rows),
        columns=dict(write.columns),
        attachments=(write.attachments, write.folder),
        entity=write.entity,
        known=kept_fields(write.known),
        fields=kept_fields(write.fields),
        lines=_kept_lines(write.lines),
        given=_Given(kept_fields(write.given.fields), _kept_lines(write.given.lines)) if write.given else None,
        undoes=write.undoes if write.undoes is not None else UNSET,
        existing=dict(record.existing) if record.existing else UNSET,
    )


def _kept_lines(lines: Mapping[str, tuple[RecordLine, ...]]) -> _Lines:
    return {
        wrapper: tuple((one.object, one.row.source, one.row.number, kept_fields(one.fields)) for one in members)
        for wrapper, members in lines.items()
    }


def _plan(kept: _Plan) -> Plan:
    return Plan(
        TargetCompany(*kept.where),
        kept.object,
        kept.source,
        kept.columns,
        tuple(map(_record, kept.records)),
        kept.reads,
        kept.notes,
        kept.unchecked,
        kept.plan == _FIRST,
        _origin(kept.origin) if kept.origin else None,
    )


def _origin(kept: _Origin) -> PlanOrigin:
    options = SendOptions(kept.batch_size, kept.atomic, kept.stop_on_error)
    return PlanOrigin(kept.id, kept.outbox, options, needs_approval=kept.needs_approval is True)


def _record(kept: _Record) -> PlannedRecord:
    paths, folder = kept.attachments
    write = Write(
        kept.operation,
        kept.object,
        fields_of(kept.fields),
        Identity(*kept.identity),
        kept.digest,
        kept.label,
        tuple(SourceRow(source, number, {}) for source, number in kept.rows),
        _lines(kept.lines),
        kept.columns,
        attachments=paths,
        folder=folder,
        entity=kept.entity,
        known=fields_of(kept.known),
        given=GivenContent(fields_of(kept.given.fields), _lines(kept.given.lines)) if kept.given else None,
        undoes=kept.undoes if kept.undoes is not UNSET else None,
    )
    return PlannedRecord(
        write,
        kept.verdict,
        tuple(Finding(*finding) for finding in kept.findings),
        Receipt(*kept.receipt) if kept.receipt else None,
        datetime.fromisoformat(kept.since) if kept.since else None,
        tuple(map(_change, kept.changes)),
        kept.existing if kept.existing is not UNSET else {},
    )


def _change(kept: tuple[str, ...]) -> Change:
    name, before, after, *lines = kept
    return Change(name, before, after, tuple(lines))


def _lines(kept: _Lines) -> dict[str, tuple[RecordLine, ...]]:
    return {
        wrapper: tuple(
            RecordLine(name, fields_of(fields), SourceRow(source, number, {})) for name, source, number, fields in lines
        )
        for wrapper, lines in kept.items()
    }
