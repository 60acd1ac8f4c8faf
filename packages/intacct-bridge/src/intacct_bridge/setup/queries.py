"""The doctor's queries: a refusal is a finding, not an exception.

Rows stay as the gateway wrote them, because the doctor also checks the format of dates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intacct_bridge.client.client import Client
from intacct_protocol.diagnosis import as_error
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.batched import batched
from intacct_protocol.xml.envelope import SUCCESS, Result
from intacct_protocol.xml.xml import Element, element

_MANY = 50
"""Functions in one request."""


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """Rows of text cells with the total, or the error."""

    rows: tuple[dict[str, str], ...] = ()
    total: int = 0
    remaining: int = 0
    error: IntacctError | None = None


def submit(client: Client, bodies: Sequence[Element], *, read: bool, transaction: bool = False) -> list[Result]:
    """The result of each function, failed ones included."""
    results: list[Result] = []
    for chunk in batched(bodies, _MANY):
        results += client.call(*chunk, read=read, transaction=transaction)
    return results


def error_of(result: Result) -> IntacctError | None:
    """The error of a failed result; None for a successful one."""
    return None if result.status == SUCCESS else as_error(result.faults, "function", function=result.function)


def query_all(client: Client, *bodies: Element) -> list[QueryAnswer]:
    """The answer to each query."""
    return [answer_of(result) for result in submit(client, bodies, read=True)]


def answer_of(result: Result) -> QueryAnswer:
    """The answer in the result of a query."""
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
    """A query; `private` includes or excludes entities' private records, None leaves the choice to the gateway."""
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
    """The filter that a field has exactly this value."""
    return element("equalto", element("field", field), element("value", value))


def descendants(tree: Element | None, tag: str) -> Iterator[Element]:
    """Every element with this tag, at any depth."""
    for child in () if tree is None else tree.children:
        if child.tag == tag:
            yield child
        else:
            yield from descendants(child, tag)


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0
