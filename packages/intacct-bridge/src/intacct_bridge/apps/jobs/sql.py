"""The job `sql`: one SELECT over the objects of a company, or over a copy."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.terminal.command_context import CommandContext
from intacct_bridge.apps.terminal.row_formats import format_of, write_parquet, write_rows
from intacct_bridge.apps.terminal.tables import Count
from intacct_bridge.operations.job_settings import SqlSettings
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted, money

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_bridge.operations.sql import ReadCost


def run_sql(context: CommandContext, settings: SqlSettings) -> int:
    """Run one SELECT, and write its rows."""
    from intacct_bridge.operations.copies import open_copy
    from intacct_bridge.operations.sql import explain_sql, sql

    kind = format_of(settings.kind, context.output, to=settings.out)
    if settings.uri and settings.explain:
        raise SettingsError(
            "`explain` is about Intacct, and `copy` asks a copy that was made before",
            fix="A copy costs no transaction.",
        )
    if settings.uri:
        table = open_copy(settings.uri).sql(settings.statement)
    else:
        client = context.limited_client(settings.max_transactions)
        if settings.explain:
            costs = [
                (read.object, Count(read.rows), Count(read.transactions), _condition(read), ", ".join(read.fields))
                for read in explain_sql(client, settings.statement)
            ]
            context.output.table(("object", "records", "transactions", "condition", "fields"), costs)
            return 0
        table = sql(client, settings.statement)
        context.output.say(counted(client.meter.transactions, "API transaction"))
    if kind == "parquet":
        count = write_parquet(table.to_batches() or [_without_rows(table)], to=settings.out)
    else:
        rows = [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]
        count = write_rows(rows, context.output, kind=kind, to=settings.out, columns=lambda: table.column_names)
    context.recorder.add_rows("sql", count)
    context.output.say(counted(count, "row"))
    return 0


def _without_rows(table: "pa.Table") -> "pa.RecordBatch":
    """The columns of a result without rows, which has no batch."""
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=table.schema)


def _plain(value: Any) -> Any:
    """An amount without the zeros of its column's scale."""
    return money(value) if isinstance(value, Decimal) else value


def _condition(cost: "ReadCost") -> str:
    """What is asked of Intacct."""
    return " ".join(filter(None, (cost.condition, f"(first {cost.first:,})" if cost.first else "")))
