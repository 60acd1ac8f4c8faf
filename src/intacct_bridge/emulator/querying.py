"""The function `query`: select, filter, order, aggregates, pages by offset over live data.

Every page is asked afresh, so that an insert or a delete between two pages shifts what the next one holds, and
without an order the rows come in one that nobody may rely on. Aggregates group by the plain fields beside them.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation

from intacct_bridge.emulator.asking import columns, described_for, paths, typed, visible
from intacct_bridge.emulator.books import Answer, Call
from intacct_bridge.emulator.cells import decimal_text
from intacct_bridge.emulator.refusals import bad_query
from intacct_bridge.emulator.render import Column, Page, fetch, rows_csv, rows_json, rows_text, rows_xml
from intacct_bridge.emulator.selection import Question, kinds, select, viewer
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.comparing import cell_key
from intacct_bridge.model.filterxml import query_from
from intacct_bridge.model.query import Aggregate, KindOf, Order, Query
from intacct_bridge.wire.values import DEFAULT, Kind
from intacct_bridge.wire.xml import Element, element

CONTENT_TYPES = {"json": "application/json", "csv": "text/csv"}
TextRow = dict[str, str | None]


def query(call: Call) -> Answer:
    """Answer one page."""
    try:
        asked = query_from(call.body)
    except InvalidRequestError as error:
        raise bad_query(error.message) from None
    described = described_for(call, "QUERY", asked.object)
    numbers = select(call.books, question_of(call, described, asked))
    if any(isinstance(one, Aggregate) for one in asked.select):
        return _aggregated(call, described, asked, numbers)
    names = [one for one in asked.select if isinstance(one, str)]
    chosen = columns(call, paths(call, described, names).values())
    table = call.books.table(described)
    bodies = fetch(table, numbers[asked.offset : asked.offset + asked.page_size])
    formatting = call.session.user.formatting
    if asked.return_format in CONTENT_TYPES:
        return bare(asked.return_format, chosen, rows_text(table, bodies, chosen, formatting))
    rows = Page(rows_xml(table, bodies, described.name, chosen, formatting))
    return Answer(page_element(described.name, rows, len(numbers), asked.offset, len(bodies)))


def question_of(call: Call, described: ObjectDef, asked: Query) -> Question:
    """The question behind a query, its names checked."""
    by = paths(call, described, (one.field for one in asked.order))
    return Question(
        described,
        typed(call, described, asked.where),
        tuple(Order(by[one.field].name, one.descending) for one in asked.order),
        asked.case_insensitive,
        visible(call, described, show_private=asked.show_private),
    )


def page_element(name: str, rows: Page, total: int, offset: int, count: int) -> Element:
    """`<data>` with the four numbers by which a client goes on."""
    attributes = {
        "listtype": name,
        "totalcount": str(total),
        "offset": str(offset),
        "count": str(count),
        "numremaining": str(max(0, total - offset - count)),
    }
    return Element("data", "", (rows,) if count else (), attributes)


def bare(return_format: str, chosen: Sequence[Column], rows: Iterable[Sequence[str]]) -> Answer:
    """Rows as the whole body of the response, without an envelope."""
    write = rows_json if return_format == "json" else rows_csv
    body = write([column.tag for column in chosen], rows)
    return Answer(bare=body, content_type=CONTENT_TYPES[return_format])


# --- aggregates


def _aggregated(call: Call, described: ObjectDef, asked: Query, numbers: Sequence[int]) -> Answer:
    plain = [one for one in asked.select if isinstance(one, str)]
    measured = [one for one in asked.select if isinstance(one, Aggregate)]
    found = paths(call, described, [*plain, *(one.field for one in measured)])
    table = call.books.table(described)
    names = [path.name for path in found.values()]
    view = viewer(call.books, described, table, names)
    groups: dict[tuple[str, ...], list[TextRow]] = {}
    for body in fetch(table, numbers):
        row = view(body)
        groups.setdefault(tuple(row[found[name].name] or "" for name in plain), []).append(row)
    if not plain and not groups:
        groups[()] = []
    kind_of = kinds(call.books, described)
    tags = [*(found[name].name for name in plain), *(_tag(call, one, found[one.field].name) for one in measured)]
    lines = [
        [*group, *(_measure(one.function, rows, found[one.field].name, kind_of) for one in measured)]
        for group, rows in groups.items()
    ]
    page = lines[asked.offset : asked.offset + asked.page_size]
    if asked.return_format in CONTENT_TYPES:
        return bare(asked.return_format, [Column(tag, Kind.TEXT) for tag in tags], page)
    rows = tuple(_line(described.name, tags, line) for line in page)
    head = page_element(described.name, Page(b""), len(lines), asked.offset, len(rows))
    return Answer(Element("data", "", rows, head.attributes))


def _tag(call: Call, one: Aggregate, name: str) -> str:
    if one.function == "count" or call.books.behaviour.aggregate_tags == "prefixed":
        return f"{one.function.upper()}.{name}"
    return name


def _line(name: str, tags: Sequence[str], texts: Sequence[str]) -> Element:
    return Element(name, "", tuple(element(tag, text) for tag, text in zip(tags, texts, strict=True)))


def _measure(function: str, rows: list[TextRow], name: str, kind_of: KindOf) -> str:
    texts = [text for row in rows if (text := row[name])]
    if function == "count":
        return str(len(texts))
    if function in ("sum", "avg"):
        numbers = list(_numbers(texts, name))
        total = sum(numbers, Decimal(0))
        return decimal_text(total if function == "sum" else _average(total, len(numbers))) if numbers else ""
    key = cell_key(kind_of(name), DEFAULT) or str
    keyed = [(found, text) for text in texts if (found := key(text)) is not None]
    if not keyed:
        return ""
    return (min if function == "min" else max)(keyed, key=lambda pair: pair[0])[1]


def _numbers(texts: list[str], name: str) -> Iterator[Decimal]:
    for text in texts:
        try:
            yield Decimal(text)
        except InvalidOperation:
            raise bad_query(f"{name} is not a number") from None


def _average(total: Decimal, count: int) -> Decimal:
    return (total / count).quantize(Decimal("0.0000000001"))
