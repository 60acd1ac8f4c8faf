"""`readByQuery` and `readMore`: rows selected once, and read page by page by a result id.

Row elements are in lower case, and their order is not that of the record numbers. A result lives as long as its
session, or for some time after it was last read. A page whose rows were deleted meanwhile is shorter.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from intacct_emulator.company.codes import shown_by_read_by_query, with_stored_texts
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.company.relations import Column, columns
from intacct_emulator.company.render import page_text, page_xml
from intacct_emulator.company.selection import RowQuery, select
from intacct_emulator.reading.condition_text import parse_legacy
from intacct_emulator.reading.query import CONTENT_TYPES, bare
from intacct_emulator.reading.query_request import all_columns, described_for, paths, typed, visible
from intacct_emulator.reading.reports import more_of_report, more_of_view
from intacct_emulator.settings.refusals import FunctionRefusedError, bad_query
from intacct_protocol.errors import Fault, InvalidRequestError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.xml.xml import Element

DEFAULT_PAGE, LARGEST_PAGE = 100, 1000
_SCATTER = 2_654_435_761
"""Knuth's multiplier: scatters row numbers, always in the same way."""


@dataclass(slots=True)
class ResultSet:
    """The rows of one query, and how far they were read."""

    described: ObjectDef
    numbers: Sequence[int]
    columns: list[Column]
    page_size: int
    return_format: str
    session_id: str
    place: int
    expires: float
    """Seconds since the epoch."""


def read_by_query(call: FunctionCall) -> FunctionAnswer:
    """Select the rows, and give the first page."""
    described = described_for(call, "READ_BY_QUERY", call.body.findtext("object").strip())
    try:
        sent = parse_legacy(call.body.findtext("query"))
    except InvalidRequestError as error:
        raise bad_query(error.message) from None
    try:
        where = typed(call, described, with_stored_texts(described, sent.where))
    except FunctionRefusedError as error:
        raise bad_query(error.message) from None
    query = RowQuery(described, where, visible=visible(call, described, show_private=False))
    numbers = _scattered(call, select(call.company, query))
    places = sent.rows(len(numbers))
    results = ResultSet(
        described,
        numbers[places.start : places.stop],
        _plain_columns(call, described),
        _page_size(call),
        call.body.findtext("returnFormat").strip(),
        call.session.session_id,
        0,
        0,
    )
    return _query_page(call, results, _result_id(call, results))


def read_more(call: FunctionCall) -> FunctionAnswer:
    """The next page of a result, which is named by its id or as the last one of an object; of a report; of a view."""
    if call.body.find("reportId") is not None:
        return more_of_report(call)
    if call.body.find("view") is not None:
        return more_of_view(call)
    result_id = call.body.findtext("resultId").strip()
    if not result_id:
        result_id = call.session.last_results.get(call.body.findtext("object").strip().upper(), "")
    results: ResultSet | None = call.company.results.recall(result_id)
    alive = results is not None and results.session_id == call.session.session_id and results.expires >= call.now
    if results is None or not alive:
        text = "The result set has expired or does not exist. Run the query again."
        raise FunctionRefusedError(Fault(call.company.behaviour.result_errorno, description2=text))
    return _query_page(call, results, result_id)


def _page_size(call: FunctionCall) -> int:
    """The page size of the request, perhaps clamped. One that the settings refuse does not pass the schema."""
    size = int(call.body.findtext("pagesize") or DEFAULT_PAGE)
    return min(size, LARGEST_PAGE) if call.company.behaviour.legacy_page == "clamped" else size


def _scattered(call: FunctionCall, numbers: Sequence[int]) -> Sequence[int]:
    if call.company.behaviour.scan_order == "key":
        return numbers
    return sorted(numbers, key=lambda number: number * _SCATTER % 2**32)


def _plain_columns(call: FunctionCall, described: ObjectDef) -> list[Column]:
    names = call.body.findtext("fields").strip()
    if names in ("", "*"):
        return [_with_words(described, column) for column in all_columns(call.company, described)]
    try:
        path_of = paths(call, described, [name.strip() for name in names.split(",") if name.strip()])
    except FunctionRefusedError as error:
        raise bad_query(error.message) from None
    if any(path.steps for path in path_of.values()):
        raise bad_query("A field of another object cannot be read here.")
    return [_with_words(described, column) for column in columns(call.company, path_of.values())]


def _with_words(described: ObjectDef, column: Column) -> Column:
    """The column with words if `query` shows codes."""
    words = shown_by_read_by_query(described, column.field)
    if words is None:
        return column
    return Column(column.tag, column.kind, column.field, follow=lambda row: words(column.text(row)))


def _result_id(call: FunctionCall, results: ResultSet) -> str:
    """An id to continue by; empty if one page holds everything."""
    if len(results.numbers) <= results.page_size:
        return ""
    place = f"{len(call.company.results)}/{results.described.name}"
    seed = f"{call.session.session_id}/{call.control_id}/{call.now}/{place}"
    result_id = hashlib.blake2b(seed.encode(), digest_size=18).hexdigest()
    call.session.last_results[results.described.name] = result_id
    return result_id


def _query_page(call: FunctionCall, results: ResultSet, result_id: str) -> FunctionAnswer:
    table = call.company.table(results.described)
    page = results.numbers[results.place : results.place + results.page_size]
    results.place += len(page)
    if result_id:
        results.expires = call.now + call.company.behaviour.result_minutes * 60
        call.company.results.put(result_id, results)
    formatting = call.session.user.formatting
    if results.return_format in CONTENT_TYPES:
        texts = page_text(table, page, results.columns, formatting)
        return bare(results.return_format, results.columns, texts)
    tag = results.described.name.lower()
    rows = page_xml(table, page, tag, results.columns, formatting)
    attributes = {
        "listtype": tag,
        "count": str(rows.count),
        "totalcount": str(len(results.numbers)),
        "numremaining": str(len(results.numbers) - results.place),
        "resultId": result_id,
    }
    return FunctionAnswer(Element("data", "", (rows,) if rows.count else (), attributes))
