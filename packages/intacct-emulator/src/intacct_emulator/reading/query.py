"""The function `query`: select, filter, order, aggregates, and pages by offset over live data.

Every page is selected again, so an insert or a delete between two pages shifts the rows of the next one. Without an
order, the order of rows is not defined. Aggregates group by the plain fields beside them. Rows have the object's name
as the request spells it, which a client in production relies on.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.company.relations import Column
from intacct_emulator.company.render import RenderedPage, fetch, page_text, page_xml, rows_csv, rows_json
from intacct_emulator.company.selection import kinds, select, viewer
from intacct_emulator.reading.aggregate import aggregated
from intacct_emulator.reading.query_request import ReadRequest, described_for, read_request
from intacct_emulator.settings.cells import decimal_text
from intacct_emulator.settings.refusals import bad_query
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.filter_xml import query_from
from intacct_protocol.model.query.query import Aggregate, Query, Selected
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import Element, element

CONTENT_TYPES = {"json": "application/json", "csv": "text/csv"}


def query(call: FunctionCall) -> FunctionAnswer:
    """One page of rows, or of aggregates."""
    try:
        sent = query_from(call.body)
    except InvalidRequestError as error:
        raise bad_query(error.message) from None
    described = described_for(call, "QUERY", sent.object)
    fields = [one if isinstance(one, str) else one.field for one in sent.select]
    request = read_request(
        call,
        described,
        fields,
        sent.where,
        sent.order,
        case_insensitive=sent.case_insensitive,
        show_private=sent.show_private,
    )
    numbers = select(call.company, request.rows)
    if any(isinstance(one, Aggregate) for one in sent.select):
        return _aggregated(call, request, sent, numbers)
    table, page = call.company.table(described), numbers[sent.offset : sent.offset + sent.page_size]
    formatting = call.session.user.formatting
    if sent.return_format in CONTENT_TYPES:
        return bare(sent.return_format, request.columns, page_text(table, page, request.columns, formatting))
    rows = page_xml(table, page, sent.object, request.columns, formatting)
    return FunctionAnswer(_data(sent.object, rows, len(numbers), sent.offset, rows.count))


def _data(name: str, rows: RenderedPage, total: int, offset: int, count: int) -> Element:
    """`<data>` with the four numbers that a client continues by."""
    attributes = {
        "listtype": name,
        "totalcount": str(total),
        "offset": str(offset),
        "count": str(count),
        "numremaining": str(max(0, total - offset - count)),
    }
    return Element("data", "", (rows,) if count else (), attributes)


def bare(return_format: str, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> FunctionAnswer:
    """Rows as the whole body of the response, without an envelope."""
    write = rows_json if return_format == "json" else rows_csv
    body = write([column.tag for column in columns], rows)
    return FunctionAnswer(bare=body, content_type=CONTENT_TYPES[return_format])


def _aggregated(call: FunctionCall, request: ReadRequest, sent: Query, numbers: Sequence[int]) -> FunctionAnswer:
    described, path_of = request.rows.described, request.paths
    selected: tuple[Selected, ...] = tuple(
        path_of[one].name if isinstance(one, str) else Aggregate(one.function, path_of[one.field].name)
        for one in sent.select
    )
    table = call.company.table(described)
    view = viewer(call.company, described, table, [path.name for path in path_of.values()])
    rows = (view(body) for body in fetch(table, numbers))
    lines = [
        [_amount(one, text) for one, text in zip(selected, line, strict=True)]
        for line in aggregated(rows, selected, kinds(call.company, described))
    ]
    tags = [one if isinstance(one, str) else _tag(call, one) for one in selected]
    page = lines[sent.offset : sent.offset + sent.page_size]
    if sent.return_format in CONTENT_TYPES:
        return bare(sent.return_format, [Column(tag, Kind.TEXT) for tag in tags], page)
    elements = tuple(_line(sent.object, tags, line) for line in page)
    data = _data(sent.object, RenderedPage(), len(lines), sent.offset, len(elements))
    return FunctionAnswer(Element("data", "", elements, data.attributes))


def _amount(selected: Selected, text: str | None) -> str:
    """A sum as amounts are written everywhere: without zeros at the end."""
    is_sum = isinstance(selected, Aggregate) and selected.function == "sum"
    return decimal_text(Decimal(text)) if is_sum and text else text or ""


def _tag(call: FunctionCall, aggregate: Aggregate) -> str:
    if aggregate.function == "count" or call.company.behaviour.aggregate_tags == "prefixed":
        return aggregate.column
    return aggregate.field


def _line(name: str, tags: Sequence[str], texts: Sequence[str]) -> Element:
    return Element(name, "", tuple(element(tag, text) for tag, text in zip(tags, texts, strict=True)))
