"""How the doctor asks: plain questions whose refusals are findings, not exceptions.

Rows come as the gateway wrote them, since how dates are written is among the things under examination.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intacct_bridge.client.client import Client
from intacct_bridge.diagnosis import as_error
from intacct_bridge.errors import IntacctError
from intacct_bridge.model.batched import batched
from intacct_bridge.wire.envelope import SUCCESS, Result
from intacct_bridge.wire.xml import Element, element

_MANY = 50
"""Functions in one request."""


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """Rows of text cells and how many there are in all, or why not."""

    rows: tuple[dict[str, str], ...] = ()
    total: int = 0
    remaining: int = 0
    error: IntacctError | None = None


def submit(client: Client, bodies: Sequence[Element], *, read: bool, transaction: bool = False) -> list[Result]:
    """Each function's result, failed ones among them."""
    found: list[Result] = []
    for some in batched(bodies, _MANY):
        found += client.call(*some, read=read, transaction=transaction)
    return found


def error_of(result: Result) -> IntacctError | None:
    """The error that a failed result stands for."""
    return None if result.status == SUCCESS else as_error(result.faults, "function", function=result.function)


def query_all(client: Client, *bodies: Element) -> list[QueryAnswer]:
    """The answers to queries."""
    return [answer_of(result) for result in submit(client, bodies, read=True)]


def answer_of(result: Result) -> QueryAnswer:
    """What a query's result says."""
    error = error_of(result)
    data = result.data
    if error is not None or data is None:
        return QueryAnswer(error=error)
    rows = tuple({cell.tag: cell.text for cell in row} for row in data)
    total = data.get("totalcount") or data.get("count") or str(len(rows))
    return QueryAnswer(rows, _number(total), _number(data.get("numremaining")))


def query_body(
    name: str,
    *fields: str,
    where: Element | None = None,
    size: int = 1,
    private: bool | None = None,
    any_case: bool = False,
) -> Element:
    """A query; `private` says whether records of entities are asked for, and None says nothing about it."""
    options = [element("caseinsensitive", "true")] if any_case else []
    options += [] if private is None else [element("showprivate", str(private).lower())]
    return element(
        "query",
        element("object", name),
        element("select", *(element("field", field) for field in fields)),
        *(() if where is None else (element("filter", where),)),
        *([element("options", *options)] if options else []),
        element("pagesize", str(size)),
    )


def equals(field: str, value: str) -> Element:
    """The filter that a field is exactly that."""
    return element("equalto", element("field", field), element("value", value))


def descendants(tree: Element | None, tag: str) -> Iterator[Element]:
    """Every element of that tag, at whatever depth."""
    for child in () if tree is None else tree.children:
        if child.tag == tag:
            yield child
        else:
            yield from descendants(child, tag)


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0
