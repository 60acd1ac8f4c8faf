"""SQL: one SELECT over the objects of a company, and what it would read; a copy answers with `Copy.sql`."""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from intacct_bridge.client.client import Client
from intacct_bridge.copies.live_sql.live_query import explained, live_table, prepared
from intacct_protocol.model.query.where_text import where_text

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ReadCost", "explain_sql", "in_cents", "sql"]

_CENTS = 2


@dataclass(frozen=True, slots=True)
class ReadCost:
    """What a statement reads of one object, and what that costs."""

    object: str
    rows: int
    transactions: int
    fields: tuple[str, ...]
    condition: str = ""
    """The condition that Intacct applies."""
    first: int = 0
    """Read no more rows than this, if they are enough; 0: all."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return to_builtins(self)  # type: ignore[no-any-return]


def sql(client: Client, statement: str) -> "pa.Table":
    """The result of one SELECT whose tables are objects of the company; only what it needs is read."""
    return live_table(client, statement)


def in_cents(table: "pa.Table") -> "pa.Table":
    """The same table, in which amounts have two decimals. A column with a value of more decimals stays as it is."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type) and field.type.scale > _CENTS:
            with suppress(pa.ArrowInvalid):  # a value would lose digits
                cents = table.column(place).cast(pa.decimal128(field.type.precision, _CENTS))
                table = table.set_column(place, field.name, cents)
    return table


def explain_sql(client: Client, statement: str) -> tuple[ReadCost, ...]:
    """What the statement would read of each object; the question takes one API transaction each."""
    return tuple(
        ReadCost(
            cost.read.object,
            cost.rows,
            cost.transactions,
            tuple(cost.read.fields),
            where_text(cost.read.where) if cost.read.where is not None else "",
            cost.read.first.rows if cost.read.first is not None else 0,
        )
        for cost in explained(client, prepared(client, statement))
    )
