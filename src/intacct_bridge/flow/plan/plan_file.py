"""A plan as a file: for a second pair of eyes, and for applying later exactly what was looked at.

JSON, every value with its kind, so that an amount comes back as the same decimal. Input cells are not kept: what the
plan means to write is, and where in the input it stands.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.company.target_company import TargetCompany
from intacct_bridge.flow.plan.changes import Change
from intacct_bridge.flow.plan.plan import Plan, PlannedRecord, Verdict
from intacct_bridge.flow.records.tables import SourceRow
from intacct_bridge.flow.records.write import Finding, Identity, Receipt, RecordLine, Write, WriteOperation
from intacct_bridge.wire.values import Value

_VERSION = 1


def save_plan(plan: Plan, path: Path) -> None:
    """Write the plan to a file, readable by its owner only, since it holds what is to be posted."""
    try:
        path.touch(mode=0o600)
        path.write_text(json.dumps(_dumped(plan), indent=1, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}", fix="name another file") from None


def open_plan(path: Path) -> Plan:
    """A plan from its file."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree.get("plan") != _VERSION:
            raise SettingsError(
                f"{path} is not a plan that this version can read", fix="make a new one with `out`", setting="out"
            )
        return _loaded(tree)
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror or error}", fix="check the path") from None
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
        raise SettingsError(f"{path} is not a plan", fix="make one with: intacct load FILE --out PLAN") from None


def _dumped(plan: Plan) -> dict[str, Any]:
    target = plan.target
    return {
        "plan": _VERSION,
        "where": [target.company, target.entity, target.environment, target.user],
        "object": plan.object,
        "source": plan.source,
        "columns": plan.columns,
        "reads": plan.reads,
        "notes": plan.notes,
        "unchecked": plan.unchecked,
        "records": [_dumped_record(planned) for planned in plan.records],
    }


def _dumped_record(planned: PlannedRecord) -> dict[str, Any]:
    write = planned.write
    return {
        "verdict": planned.verdict,
        "receipt": [planned.receipt.record, planned.receipt.name] if planned.receipt else None,
        "since": planned.since.isoformat() if planned.since else None,
        "changes": [[change.name, change.before, change.after] for change in planned.changes],
        "findings": [[f.rule, f.message, f.fix, f.column, f.position, f.refuses] for f in planned.findings],
        "operation": write.operation,
        "object": write.object,
        "identity": [write.identity.text, write.identity.kind],
        "digest": write.digest,
        "label": write.label,
        "rows": [[row.source, row.number] for row in write.rows],
        "columns": dict(write.columns),
        "attachments": [list(write.attachments), write.folder],
        "entity": write.entity,
        "known": _dumped_fields(write.known),
        "fields": _dumped_fields(write.fields),
        "lines": {
            wrapper: [[line.object, line.row.source, line.row.number, _dumped_fields(line.fields)] for line in lines]
            for wrapper, lines in write.lines.items()
        },
    }


def _dumped_fields(fields: Mapping[str, Value]) -> dict[str, Any]:
    return {name: _dumped_value(value) for name, value in fields.items()}


def _dumped_value(value: Value) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Decimal):
        return {"decimal": format(value, "f")}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return {"integer": str(value)}


_KINDS: Mapping[str, Callable[[str], Value]] = {
    "decimal": Decimal,
    "time": datetime.fromisoformat,
    "date": date.fromisoformat,
    "integer": int,
}


def _loaded(tree: Mapping[str, Any]) -> Plan:
    return Plan(
        TargetCompany(*tree["where"]),
        tree["object"],
        tree["source"],
        tuple(tree["columns"]),
        tuple(_loaded_record(record) for record in tree["records"]),
        tree["reads"],
        tuple(tree["notes"]),
        tuple(tree["unchecked"]),
    )


def _loaded_record(tree: Mapping[str, Any]) -> PlannedRecord:
    write = Write(
        WriteOperation(tree["operation"]),
        tree["object"],
        _loaded_fields(tree["fields"]),
        Identity(*tree["identity"]),
        tree["digest"],
        tree["label"],
        tuple(SourceRow(source, number, {}) for source, number in tree["rows"]),
        {wrapper: tuple(map(_loaded_line, lines)) for wrapper, lines in tree["lines"].items()},
        tree["columns"],
        attachments=tuple(tree.get("attachments", ((), ""))[0]),
        folder=tree.get("attachments", ((), ""))[1],
        entity=tree.get("entity", ""),
        known=_loaded_fields(tree.get("known", {})),
    )
    return PlannedRecord(
        write,
        Verdict(tree["verdict"]),
        tuple(Finding(*finding) for finding in tree["findings"]),
        Receipt(*tree["receipt"]) if tree["receipt"] else None,
        datetime.fromisoformat(tree["since"]) if tree["since"] else None,
        tuple(Change(*change) for change in tree.get("changes", ())),
    )


def _loaded_line(line: list[Any]) -> RecordLine:
    name, source, number, fields = line
    return RecordLine(name, _loaded_fields(fields), SourceRow(source, number, {}))


def _loaded_fields(fields: Mapping[str, Any]) -> dict[str, Value]:
    return {name: _loaded_value(value) for name, value in fields.items()}


def _loaded_value(value: Any) -> Value:
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return _KINDS[kind](text)
    return value  # type: ignore[no-any-return]  # text, a boolean or nothing
