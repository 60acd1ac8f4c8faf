"""`intacct get`, `create`, `update` and `delete`: single records, by RECORDNO or natural key."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import READ, WRITE, command
from intacct_bridge.apps.cli.context import CommandContext, file_option, shared_options
from intacct_bridge.apps.cli.postings.kept_plans import way_to_approval
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, WRITES
from intacct_protocol.errors import IntacctError, InvalidRequestError, SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.record_keys import FoundRecord
    from intacct_bridge.client.reading.records import Record
    from intacct_bridge.client.writing import Outcome
    from intacct_bridge.load.apply.single_writes import SeenValues

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
    help="A JSON object with the fields and lines; - for standard input.",
)
YES = click.option("--yes", is_flag=True, help="Write to a production company without confirmation.")
OUT = file_option("--out", "Write nothing to Intacct; keep the plan in this file.", metavar="PLAN")


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
@shared_options(prints_table=True)
def get_command(context: CommandContext, *, object_name: str, keys: tuple[str, ...], by: str) -> None:
    """Show records with all their fields and lines.

    \b
    Examples:
      intacct get VENDOR V-10012
      intacct get APBILL 4711 4712 --json
    """
    from intacct_bridge.apps.cli.record_keys import find_records

    name = object_name.upper()
    found = find_records(context.client, name, keys, by=by)
    records = context.client.read(name, [one.record for one in found])
    if context.console.as_json:
        context.console.json(records)
        return
    for number, record in enumerate(records):
        if number:
            context.console.result("")
        _show(context, record)


def _show(context: CommandContext, record: "Record") -> None:
    """The filled fields, then each list of lines as a table."""
    context.console.pairs(
        {name: value for name, value in record.items() if value is not None and not isinstance(value, list)}
    )
    for name, lines in record.items():
        if isinstance(lines, list) and lines:
            context.console.result("")
            context.console.result(name)
            columns = [column for column in lines[0] if any(line.get(column) is not None for line in lines)]
            context.console.table(columns, [[line.get(column) for column in columns] for line in lines])


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
    name = object_name.upper()
    row = _row(context, name, fields, source)
    if out is not None:
        return _keep(context, "create", name, [row], out, source=f"create {name}")
    context.allow_write(f"a new {name}", yes=yes)
    _show_outcome(context, "created", name, _through_outbox(context, "create", name, [row]))
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
    by: str,
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
    from intacct_bridge.apps.cli.record_keys import find_records
    from intacct_protocol.model.keys import natural_key, record_key

    name = object_name.upper()
    row = _row(context, name, fields, source)
    (found,) = find_records(context.client, name, [key], by=by)
    number = record_key(name)
    row = _of_record(row, number, found.record, f"{name} {key}")
    named = natural_key(name) if context.connection.is_legacy and found.name else None
    if named is not None:  # the functions of document type 2.1 name the record by it
        row = {**{key: value for key, value in row.items() if key.upper() != named}, named: found.name}
    else:
        row[number] = int(found.record) if found.record.isdecimal() else found.record
    if out is not None:
        return _keep(context, "update", name, [row], out, source=f"update {name} {key}")
    outcomes = _changed(context, "update", name, [row], what=f"{name} {found.name or found.record}", yes=yes)
    _show_outcome(context, "updated", name, outcomes)
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
    context: CommandContext, *, object_name: str, keys: tuple[str, ...], by: str, out: Path | None, yes: bool
) -> int:
    """Delete records.

    \b
    Example:
      intacct delete VENDOR V-9001
    """
    from intacct_bridge.apps.cli.record_keys import find_records
    from intacct_protocol.model.keys import record_key

    name = object_name.upper()
    found = find_records(context.client, name, keys, by=by)
    listed = ", ".join(one.name or one.record for one in found[:5])
    if out is not None:
        rows = [{record_key(name): one.record} for one in found]
        return _keep(context, "delete", name, rows, out, source=f"delete {name} {listed}")
    what = f"the deletion of {len(found)} {name} ({listed}{', …' if len(found) > 5 else ''})"
    try:
        outcomes = _changed(
            context, "delete", name, [{record_key(name): one.record} for one in found], what=what, yes=yes
        )
    except IntacctError as error:
        if len(found) > 1 and error.outcomes:
            _show_deletes(context, found, error.outcomes)
        raise
    if len(outcomes) == 1:
        _show_outcome(context, "deleted", name, outcomes, named=found[0].name or found[0].record)
        return 0
    _show_deletes(context, found, outcomes)
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def _show_deletes(context: CommandContext, found: "Sequence[FoundRecord]", outcomes: "Sequence[Outcome]") -> None:
    shown = [
        (one.given, one.record, "deleted" if outcome.ok else outcome.status, "; ".join(map(str, outcome.faults)))
        for one, outcome in zip(found, outcomes, strict=True)
    ]
    context.console.table(("given", "record", "outcome", "why"), shown)


def _changed(
    context: CommandContext,
    operation: str,
    object_name: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    what: str,
    yes: bool,
) -> "Sequence[Outcome]":
    """Update or delete existing records. After an answer to a question they must be as they were before it."""
    from intacct_bridge.load.apply.single_writes import seen_records
    from intacct_protocol.model.keys import record_key

    asks = context.asks_before_write(yes=yes)
    seen = seen_records(context.client, operation, object_name, rows) if asks else ()
    context.allow_write(what, yes=yes)
    given = [row[record_key(object_name)] for row in rows] if operation == "delete" else rows
    return _through_outbox(context, operation, object_name, given, seen=seen)


def _through_outbox(
    context: CommandContext,
    operation: str,
    object_name: str,
    given: "Sequence[Any]",
    *,
    seen: "Sequence[SeenValues]" = (),
) -> "Sequence[Outcome]":
    """Write through the company's outbox, which keeps the write and its receipt."""
    from intacct_bridge.client.writing import IN_DOUBT, NOT_SENT
    from intacct_bridge.load.apply.sender import refuse_without_plan
    from intacct_bridge.load.apply.single_writes import OutboxWriter
    from intacct_bridge.runs.run import RecordCounts
    from intacct_protocol.xml.envelope import SUCCESS

    refuse_without_plan(context.connection, fix=way_to_approval(context))
    with context.open_outbox() as outbox:
        client = context.client.through(OutboxWriter(outbox, keep_earlier=True, seen=seen))
        send = {"create": client.create, "update": client.update, "delete": client.delete}[operation]
        context.recorder.destination = f"{object_name} in {context.connection.target}"
        outcomes: Sequence[Outcome] = ()
        try:
            outcomes = send(object_name, given)  # type: ignore[operator]
        except IntacctError as error:
            outcomes = error.outcomes
            raise
        finally:
            counted = (sum(one.status == status for one in outcomes) for status in (SUCCESS, IN_DOUBT, NOT_SENT))
            good, doubtful, unsent = counted
            refused = len(outcomes) - good - doubtful - unsent
            context.recorder.records += RecordCounts(good, refused=refused, in_doubt=doubtful, not_sent=unsent)
        return outcomes


def _keep(
    context: CommandContext, mode: str, object_name: str, rows: Sequence[Mapping[str, Any]], out: Path, *, source: str
) -> int:
    """Plan the records as a load would, and keep the plan."""
    from intacct_bridge.apps.cli.postings.kept_plans import keep_sound
    from intacct_bridge.load.layouts.choose import layout_for
    from intacct_bridge.load.plan.plan import Mode, PlanSettings
    from intacct_bridge.load.plan.planner import make_plan
    from intacct_bridge.load.tables.table import table_of_rows

    layout = layout_for(object_name, context.client)
    with context.open_outbox() as outbox:
        plan = make_plan(table_of_rows(source, rows), layout, context.client, outbox, PlanSettings(mode=Mode(mode)))
        return keep_sound(context, plan, outbox, out)


def _row(context: CommandContext, object_name: str, fields: Sequence[str], source: IO[bytes] | None) -> dict[str, Any]:
    """The fields of the file, then those of the command line, which win; typed by the company's catalogue."""
    row: dict[str, Any] = dict(_from_file(source)) if source is not None else {}
    described = context.client.describe(object_name)
    for text in fields:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(
                f"{text!r} is not FIELD=VALUE", fix="Write the field's name, an equals sign and the value."
            )
        row[described.find(name.strip()).name] = _typed(described.find(name.strip()).kind, name.strip(), value)
    if not row:
        raise SettingsError("no fields are given", fix="Give FIELD=VALUE, or a JSON file: --from FILE")
    return row


def _of_record(row: Mapping[str, Any], number: str, record: str, what: str) -> dict[str, Any]:
    """The fields without the record's number; another record's number is refused, as it would update that record."""
    given = [str(value) for name, value in row.items() if name.upper() == number]
    if any(one != record for one in given):
        raise SettingsError(
            f"{what} has the {number} {record}, and the fields have {given[0]}",
            fix=f"Leave {number} out, or name the other record.",
        )
    return {name: value for name, value in row.items() if name.upper() != number}


def _typed(kind: Any, name: str, text: str) -> Any:
    from intacct_protocol.errors import RecordError
    from intacct_protocol.xml.values import parse_value

    try:
        return parse_value(kind, text)
    except RecordError as error:
        raise InvalidRequestError(f"{name}: {error.message}", fix=error.fix) from None


def _from_file(source: IO[bytes]) -> Mapping[str, Any]:
    name = Path(source.name).name if isinstance(getattr(source, "name", None), str) else "the file"
    from intacct_bridge.load.tables.cells import json_number
    from intacct_protocol.model.json_keys import refuse_repeated_keys

    try:
        text = source.read()
        found = json.loads(text, parse_float=json_number)
    except (ValueError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} is not JSON: {error}") from None
    refuse_repeated_keys(text, found, name)
    if not isinstance(found, dict):
        raise SettingsError(
            f"{name} is not a JSON object", fix="Give one record as one object; for many records use `intacct load`."
        )
    return found


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
    if context.console.as_json:
        context.console.json({"outcome": verb, "object": object_name, "recordno": key or None, "key": name or None})
        return
    extra = f" ({name})" if name and key and name != key else ""
    context.console.result(f"{verb} {object_name} {key or name}{extra}")
