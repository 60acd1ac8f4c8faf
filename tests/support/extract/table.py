"""One table of a company that answers like the gateway, and that changes between two calls."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from intacct_bridge.copies.destinations.schema_evolution import schema_of
from intacct_bridge.streams.partition import PartitionPage
from intacct_bridge.streams.stream import Stream
from intacct_protocol.model.query.query import And, Compare, Filter, Op, Or, Query

Row = dict[str, Any]


class SameThreadExecutor(Executor):
    """Runs a call when it is submitted, so that tests know the order."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def numeric(key: Any) -> Any:
    return int(key)


def lexical(key: Any) -> Any:
    return str(key)


@dataclass
class Table:
    """Rows, and the order in which the gateway sorts and compares text keys."""

    stream: Stream
    rows: list[Row]
    sorts: Callable[[Any], Any] = numeric
    compares: Callable[[Any], Any] = numeric
    edit: Callable[["Table"], None] = lambda table: None
    queries: list[Query] = field(default_factory=list)

    def ask(self, query: Query) -> PartitionPage:
        self.edit(self)
        self.queries.append(query)
        (order,) = query.order
        found = [row for row in self.rows if query.where is None or self.holds(query.where, row)]
        ranked = sorted(found, key=lambda row: self.rank(order.field, row[order.field], self.sorts))
        page = (ranked[::-1] if order.descending else ranked)[: query.page_size]
        names = [name for name in query.select if isinstance(name, str)]
        schema = schema_of({name: self.stream.fields[name] for name in names})
        cells = [{name: row.get(name) for name in names} for row in page]
        return PartitionPage(pa.RecordBatch.from_pylist(cells, schema), len(found) - len(page))

    def rank(self, name: str, value: Any, order: Callable[[Any], Any]) -> Any:
        return order(value) if name == self.stream.key and self.stream.text_key else value

    def holds(self, node: Filter, row: Row) -> bool:
        if isinstance(node, And):
            return all(self.holds(part, row) for part in node.parts)
        if isinstance(node, Or):
            return any(self.holds(part, row) for part in node.parts)
        assert isinstance(node, Compare)
        cell = row.get(node.field)
        if cell is None or node.op in (Op.ISNULL, Op.ISNOTNULL):
            return (cell is None) == (node.op is Op.ISNULL) and node.op in (Op.ISNULL, Op.ISNOTNULL)
        if node.op is Op.IN:
            return cell in node.values
        one = self.rank(node.field, cell, self.compares)
        others = [self.rank(node.field, value, self.compares) for value in node.values]
        return compared(node.op, one, others)


def compared(op: Op, one: Any, others: Sequence[Any]) -> bool:
    return bool(
        {
            Op.EQUALTO: lambda: one == others[0],
            Op.GREATERTHAN: lambda: one > others[0],
            Op.LESSTHAN: lambda: one < others[0],
            Op.GREATERTHANOREQUALTO: lambda: one >= others[0],
            Op.LESSTHANOREQUALTO: lambda: one <= others[0],
            Op.BETWEEN: lambda: others[0] <= one <= others[-1],
        }[op]()
    )
