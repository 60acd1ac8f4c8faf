"""The function `query`: select, filter, order, aggregates, pages by offset over live data.

Every page is asked afresh, so that an insert or a delete between two pages shifts what the next one holds, and
without an order the rows come in one that nobody may rely on. Aggregates group by the plain fields beside them.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.emulator.company.render import Column, RenderedPage, fetch, rows_csv, rows_json, rows_text, rows_xml
from intacct_bridge.emulator.company.selection import Question, kinds, select, viewer
from intacct_bridge.emulator.reading.query_request import columns, described_for, paths, typed, visible
from intacct_bridge.emulator.settings.cells import decimal_text
from intacct_bridge.emulator.settings.refusals import bad_query
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.query.aggregate import aggregated
from intacct_bridge.model.query.filter_xml import query_from
from intacct_bridge.model.query.query import Aggregate, Order, Query, Selected
from intacct_bridge.wire.values import Kind
from intacct_bridge.wire.xml import Element, element

CONTENT_TYPES = {"json": "application/json", "csv": "text/csv"}


def query(call: FunctionCall) -> FunctionAnswer:
    """Answer one page."""
    try:
        asked = query_from(call.body)
    except InvalidRequestError as error:
        raise bad_query(error.message) from None
    described = described_for(call, "QUERY", asked.object)
    numbers = select(call.company, question_of(call, described, asked))
    if any(isinstance(one, Aggregate) for one in asked.select):
        return _aggregated(call, described, asked, numbers)
    names = [one for one in asked.select if isinstance(one, str)]
    chosen = columns(call, paths(call, described, names).values())
    table = call.company.table(described)
    bodies = fetch(table, numbers[asked.offset : asked.offset + asked.page_size])
    formatting = call.session.user.formatting
    if asked.return_format in CONTENT_TYPES:
        return bare(asked.return_format, chosen, rows_text(table, bodies, chosen, formatting))
    rows = RenderedPage(rows_xml(table, bodies, described.name, chosen, formatting))
    return FunctionAnswer(page_element(described.name, rows, len(numbers), asked.offset, len(bodies)))


def question_of(call: FunctionCall, described: ObjectDef, asked: Query) -> Question:
    """The question behind a query, its names checked."""
    by = paths(call, described, (one.field for one in asked.order))
    return Question(
        described,
        typed(call, described, asked.where),
        tuple(Order(by[one.field].name, one.descending) for one in asked.order),
        asked.case_insensitive,
        visible(call, described, show_private=asked.show_private),
    )


def page_element(name: str, rows: RenderedPage, total: int, offset: int, count: int) -> Element:
    """`<data>` with the four numbers by which a client goes on."""
    attributes = {
        "listtype": name,
        "totalcount": str(total),
        "offset": str(offset),
        "count": str(count),
        "numremaining": str(max(0, total - offset - count)),
    }
    return Element("data", "", (rows,) if count else (), attributes)


def bare(return_format: str, chosen: Sequence[Column], rows: Iterable[Sequence[str]]) -> FunctionAnswer:
    """Rows as the whole body of the response, without an envelope."""
    write = rows_json if return_format == "json" else rows_csv
    body = write([column.tag for column in chosen], rows)
    return FunctionAnswer(bare=body, content_type=CONTENT_TYPES[return_format])


def _aggregated(call: FunctionCall, described: ObjectDef, asked: Query, numbers: Sequence[int]) -> FunctionAnswer:
    found = paths(call, described, (one if isinstance(one, str) else one.field for one in asked.select))
    chosen: tuple[Selected, ...] = tuple(
        found[one].name if isinstance(one, str) else Aggregate(one.function, found[one.field].name)
        for one in asked.select
    )
    table = call.company.table(described)
    view = viewer(call.company, described, table, [path.name for path in found.values()])
    rows = (view(body) for body in fetch(table, numbers))
    lines = [
        [_plain(one, text) for one, text in zip(chosen, line, strict=True)]
        for line in aggregated(rows, chosen, kinds(call.company, described))
    ]
    tags = [one if isinstance(one, str) else _tag(call, one) for one in chosen]
    page = lines[asked.offset : asked.offset + asked.page_size]
    if asked.return_format in CONTENT_TYPES:
        return bare(asked.return_format, [Column(tag, Kind.TEXT) for tag in tags], page)
    elements = tuple(_line(described.name, tags, line) for line in page)
    head = page_element(described.name, RenderedPage([]), len(lines), asked.offset, len(elements))
    return FunctionAnswer(Element("data", "", elements, head.attributes))


def _plain(one: Selected, text: str | None) -> str:
    """A sum as amounts are written everywhere: without zeros that say nothing."""
    is_sum = isinstance(one, Aggregate) and one.function == "sum"
    return decimal_text(Decimal(text)) if is_sum and text else text or ""


def _tag(call: FunctionCall, one: Aggregate) -> str:
    if one.function == "count" or call.company.behaviour.aggregate_tags == "prefixed":
        return one.column
    return one.field


def _line(name: str, tags: Sequence[str], texts: Sequence[str]) -> Element:
    return Element(name, "", tuple(element(tag, text) for tag, text in zip(tags, texts, strict=True)))
