"""`intacct get`, `create`, `update` and `delete`: single records, by RECORDNO or natural key."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import READ, WRITE, command
from intacct_bridge.apps.cli.context import CommandContext, file_option, format_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, WRITES
from intacct_bridge.apps.terminal.row_formats import write_rows
from intacct_bridge.apps.views.saved_plans import approval_hint
from intacct_protocol.errors import IntacctError, SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.records import FoundRecord, KeyKind, Outcome, Record, RecordChange

BY = click.option(
    "--by",
    type=click.Choice(["either", "recordno", "name"]),
    default="either",
    show_default=True,
    help="Read KEY as a RECORDNO or as a natural key, if a number may be both.",
)
FROM = click.option(
    "--from",
    "source",
    metavar="FILE",
    type=click.File("rb"),
    help="A JSON object or an XML document with the fields and lines; - for standard input.",
)
YES = click.option("--yes", is_flag=True, help="Write to a production company without confirmation.")
OUT = file_option("--out", "Write nothing to Intacct; save the plan in this file.", metavar="PLAN")


@command(
    "get",
    section=READ,
    place=4,
    short_help="Show records in full, with their lines.",
    exits=CONNECTED | {1: "no such record"},
)
@click.argument("object_name", metavar="OBJECT")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@BY
@format_option(("table", "json", "xml"))
@shared_options(prints_table=True)
def get_command(context: CommandContext, *, object_name: str, keys: tuple[str, ...], by: "KeyKind", kind: str) -> None:
    """Show records with all their fields and lines.

    \b
    Examples:
      intacct get VENDOR V-10012
      intacct get APBILL 4711 4712 --json
      intacct get ALLOCATION HQ-SPLIT --format xml
    """
    from intacct_bridge.operations.records import read_records

    records = read_records(context, object_name, keys, by=by)
    if kind == "xml":
        rows: list[Any] = records  # with lines, which rows of a table do not have
        write_rows(rows, context.output, kind=kind, record=object_name.upper())
        return
    if context.output.as_json or kind == "json":
        context.output.json(records)
        return
    for number, record in enumerate(records):
        if number:
            context.output.result("")
        _show_row(context, record)


def _show_row(context: CommandContext, record: "Record") -> None:
    """The filled fields, then each list of lines as a table."""
    context.output.pairs(
        {name: value for name, value in record.items() if value is not None and not isinstance(value, list)}
    )
    for name, lines in record.items():
        if isinstance(lines, list) and lines:
            context.output.result("")
            context.output.result(name)
            columns = [column for column in lines[0] if any(line.get(column) is not None for line in lines)]
            context.output.table(columns, [[line.get(column) for column in columns] for line in lines])


@command(
    "create",
    section=WRITE,
    place=6,
    short_help="Create one record.",
    exits=WRITES,
)
@click.argument("object_name", metavar="OBJECT")
@click.argument("fields", metavar="[FIELD=VALUE]...", nargs=-1)
@FROM
@OUT
@YES
@shared_options(prints_table=True)
def create_command(
    context: CommandContext,
    *,
    object_name: str,
    fields: tuple[str, ...],
    source: IO[bytes] | None,
    out: Path | None,
    yes: bool,
) -> int:
    """Create one record. For many records, and for records that must never be posted twice, use `intacct load`.

    \b
    Examples:
      intacct create VENDOR VENDORID=V-9001 "NAME=Quarry Street Print" "DISPLAYCONTACT.PRINTAS=Quarry Street Print"
      intacct create APBILL --from bill.json
    """
    from intacct_bridge.operations.records import creation

    change = creation(object_name, _row(context, object_name.upper(), fields, source))
    if out is not None:
        return _save(context, change, out)
    outcomes = _make(context, change, f"a new {change.object}", yes=yes)
    _show_outcome(context, "created", change.object, outcomes)
    return 0


@command(
    "update",
    section=WRITE,
    place=7,
    short_help="Update one record.",
    exits=WRITES,
)
@click.argument("object_name", metavar="OBJECT")
@click.argument("key")
@click.argument("fields", metavar="[FIELD=VALUE]...", nargs=-1)
@BY
@FROM
@OUT
@YES
@shared_options(prints_table=True)
def update_command(
    context: CommandContext,
    *,
    object_name: str,
    key: str,
    fields: tuple[str, ...],
    by: "KeyKind",
    source: IO[bytes] | None,
    out: Path | None,
    yes: bool,
) -> int:
    """Update the given fields of one record. `FIELD=` clears a field.

    \b
    Examples:
      intacct update VENDOR V-10012 STATUS=inactive
      intacct update VENDOR V-10012 "COMMENTS="
    """
    from intacct_bridge.operations.records import update

    row = _row(context, object_name.upper(), fields, source)
    change = update(context, object_name, key, row, by=by)
    if out is not None:
        return _save(context, change, out)
    (record,) = change.records
    outcomes = _make(context, change, f"{change.object} {record.name or record.record}", yes=yes)
    _show_outcome(context, "updated", change.object, outcomes)
    return 0


@command(
    "delete",
    section=WRITE,
    place=8,
    short_help="Delete records.",
    exits=WRITES,
)
@click.argument("object_name", metavar="OBJECT")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@BY
@OUT
@YES
@shared_options(prints_table=True)
def delete_command(
    context: CommandContext, *, object_name: str, keys: tuple[str, ...], by: "KeyKind", out: Path | None, yes: bool
) -> int:
    """Delete records.

    \b
    Example:
      intacct delete VENDOR V-9001
    """
    from intacct_bridge.operations.records import deletion

    change = deletion(context, object_name, keys, by=by)
    records = change.records
    if out is not None:
        return _save(context, change, out)
    listed = ", ".join(record.name or record.record for record in records[:5])
    what = f"the deletion of {len(records)} {change.object} ({listed}{', …' if len(records) > 5 else ''})"
    try:
        outcomes = _make(context, change, what, yes=yes)
    except IntacctError as error:
        if len(records) > 1 and error.outcomes:
            _show_deletes(context, records, error.outcomes)
        raise
    if len(outcomes) == 1:
        _show_outcome(context, "deleted", change.object, outcomes, named=records[0].name or records[0].record)
        return 0
    _show_deletes(context, records, outcomes)
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def _show_deletes(context: CommandContext, records: "Sequence[FoundRecord]", outcomes: "Sequence[Outcome]") -> None:
    shown = [
        (one.key, one.record, "deleted" if outcome.ok else outcome.status, "; ".join(map(str, outcome.faults)))
        for one, outcome in zip(records, outcomes, strict=True)
    ]
    context.output.table(("given", "record", "outcome", "why"), shown)


def _make(context: CommandContext, change: "RecordChange", what: str, *, yes: bool) -> "Sequence[Outcome]":
    """Make a change, after a question if the company is a production company."""
    from intacct_bridge.operations.plans import refuse_without_plan
    from intacct_bridge.operations.records import change_records

    refuse_without_plan(context.connection, fix=approval_hint(context))
    if context.asks_before_write(yes=yes):
        return change_records(context, change, confirm=lambda: context.allow_write(what, yes=yes))
    context.allow_write(what, yes=yes)
    return change_records(context, change)


def _save(context: CommandContext, change: "RecordChange", out: Path) -> int:
    """Plan the change as a load would, and save the plan."""
    from intacct_bridge.apps.views.saved_plans import save_sound
    from intacct_bridge.operations.records import plan_change

    with context.open_outbox():
        return save_sound(context, plan_change(context, change), out)


def _row(context: CommandContext, object_name: str, fields: Sequence[str], source: IO[bytes] | None) -> dict[str, Any]:
    """The fields of the file, then those of the command line, which win; typed by the company's catalogue."""
    from intacct_bridge.operations.records import fields_of_document, typed_fields

    row: dict[str, Any] = {}
    if source is not None:
        named = getattr(source, "name", None)
        row = fields_of_document(source.read(), Path(named).name if isinstance(named, str) else "the file")
    texts: dict[str, str] = {}
    for text in fields:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(
                f"{text!r} is not FIELD=VALUE", fix="Write the field's name, an equals sign and the value."
            )
        texts[name.strip()] = value
    row |= typed_fields(context, object_name, texts)
    if not row:
        raise SettingsError("no fields are given", fix="Give FIELD=VALUE, or a JSON or XML file: --from FILE")
    return row


def _show_outcome(
    context: CommandContext, verb: str, object_name: str, outcomes: "Sequence[Outcome]", *, named: str = ""
) -> None:
    """Print the receipt, or raise the gateway's error."""
    from intacct_protocol.diagnosis import as_error

    (outcome,) = outcomes
    if not outcome.ok:
        raise as_error(
            outcome.faults, "function", function=verb.removesuffix("d"), record=f"{object_name} {named}".strip()
        )
    key, name = outcome.key, outcome.natural_key or named
    if context.output.as_json:
        context.output.json({"outcome": verb, "object": object_name, "recordno": key or None, "key": name or None})
        return
    extra = f" ({name})" if name and key and name != key else ""
    context.output.result(f"{verb} {object_name} {key or name}{extra}")
