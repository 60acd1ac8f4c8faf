"""`readByQuery` and `readMore`: a question asked once, its answer read on in pages by a result id.

The rows an answer consists of are settled when it is asked; rows tagged in lower case, in an order that is not the
record number's. A result lives as long as its session, or a while after it was last read; a page whose rows were
deleted meanwhile is shorter.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from intacct_bridge.emulator.company.codes import decoded, shown
from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.emulator.company.render import Column, RenderedPage, fetch, rows_text, rows_xml
from intacct_bridge.emulator.company.selection import Question, select
from intacct_bridge.emulator.reading.query import CONTENT_TYPES, bare
from intacct_bridge.emulator.reading.query_request import all_columns, columns, described_for, paths, typed, visible
from intacct_bridge.emulator.reading.reports import more_of_report, more_of_view
from intacct_bridge.emulator.settings.refusals import FunctionRefusedError, bad_query
from intacct_bridge.errors import Fault, InvalidRequestError
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.query.read_by_query import parse_legacy
from intacct_bridge.wire.xml import Element

DEFAULT_PAGE, LARGEST_PAGE = 100, 1000
_SCATTER = 2_654_435_761
"""Knuth's multiplier: scatters row numbers, always in the same way."""


@dataclass(slots=True)
class ResultSet:
    """One answer that is read on."""

    described: ObjectDef
    numbers: Sequence[int]
    chosen: list[Column]
    page_size: int
    return_format: str
    session_id: str
    place: int
    expires: float


def read_by_query(call: FunctionCall) -> FunctionAnswer:
    """Ask, and give the first page."""
    described = described_for(call, "READ_BY_QUERY", call.body.findtext("object").strip())
    try:
        asked = parse_legacy(call.body.findtext("query"))
    except InvalidRequestError as error:
        raise bad_query(error.message) from None
    try:
        where = typed(call, described, decoded(described, asked.where))
    except FunctionRefusedError as error:
        raise bad_query(error.message) from None
    question = Question(described, where, visible=visible(call, described, show_private=False))
    numbers = _scattered(call, select(call.company, question))
    kept = asked.rows(len(numbers))
    snapshot = ResultSet(
        described,
        numbers[kept.start : kept.stop],
        _chosen(call, described),
        _page_size(call),
        call.body.findtext("returnFormat").strip(),
        call.session.session_id,
        0,
        0,
    )
    return _page(call, snapshot, _result_id(call, snapshot))


def read_more(call: FunctionCall) -> FunctionAnswer:
    """Give the next page of a result, named by its id or as the last one of an object; of a report, of a view."""
    if call.body.find("reportId") is not None:
        return more_of_report(call)
    if call.body.find("view") is not None:
        return more_of_view(call)
    result_id = call.body.findtext("resultId").strip()
    if not result_id:
        result_id = call.session.last_results.get(call.body.findtext("object").strip().upper(), "")
    snapshot: ResultSet | None = call.company.results.recall(result_id)
    alive = snapshot is not None and snapshot.session_id == call.session.session_id and snapshot.expires >= call.now
    if snapshot is None or not alive:
        text = "The result set has expired or does not exist. Run the query again."
        raise FunctionRefusedError(Fault(call.company.behaviour.result_errorno, description2=text))
    return _page(call, snapshot, result_id)


def _page_size(call: FunctionCall) -> int:
    """The asked page, as large as the settings let it be; the schema has refused it already where they refuse it."""
    size = int(call.body.findtext("pagesize") or DEFAULT_PAGE)
    return min(size, LARGEST_PAGE) if call.company.behaviour.legacy_page == "clamped" else size


def _scattered(call: FunctionCall, numbers: Sequence[int]) -> Sequence[int]:
    if call.company.behaviour.scan_order == "key":
        return numbers
    return sorted(numbers, key=lambda number: number * _SCATTER % 2**32)


def _chosen(call: FunctionCall, described: ObjectDef) -> list[Column]:
    names = call.body.findtext("fields").strip()
    if names in ("", "*"):
        return [_with_words(described, column) for column in all_columns(described)]
    try:
        found = paths(call, described, [name.strip() for name in names.split(",") if name.strip()])
    except FunctionRefusedError as error:
        raise bad_query(error.message) from None
    if any(path.steps for path in found.values()):
        raise bad_query("A field of another object cannot be read here.")
    return [_with_words(described, column) for column in columns(call, found.values())]


def _with_words(described: ObjectDef, column: Column) -> Column:
    show = shown(described, column.field)
    if show is None:
        return column
    return Column(column.tag, column.kind, column.field, lambda row: show(row.get(column.field, "")))


def _result_id(call: FunctionCall, snapshot: ResultSet) -> str:
    if len(snapshot.numbers) <= snapshot.page_size:
        return ""
    place = f"{len(call.company.results)}/{snapshot.described.name}"
    made = f"{call.session.session_id}/{call.control_id}/{call.now}/{place}"
    result_id = hashlib.blake2b(made.encode(), digest_size=18).hexdigest()
    call.session.last_results[snapshot.described.name] = result_id
    return result_id


def _page(call: FunctionCall, snapshot: ResultSet, result_id: str) -> FunctionAnswer:
    table = call.company.table(snapshot.described)
    page = snapshot.numbers[snapshot.place : snapshot.place + snapshot.page_size]
    snapshot.place += len(page)
    bodies = fetch(table, page)
    if result_id:
        snapshot.expires = call.now + call.company.behaviour.result_minutes * 60
        call.company.results.put(result_id, snapshot)
    formatting = call.session.user.formatting
    if snapshot.return_format in CONTENT_TYPES:
        texts = rows_text(table, bodies, snapshot.chosen, formatting)
        return bare(snapshot.return_format, snapshot.chosen, texts)
    tag = snapshot.described.name.lower()
    attributes = {
        "listtype": tag,
        "count": str(len(bodies)),
        "totalcount": str(len(snapshot.numbers)),
        "numremaining": str(len(snapshot.numbers) - snapshot.place),
        "resultId": result_id,
    }
    rows = (RenderedPage(rows_xml(table, bodies, tag, snapshot.chosen, formatting)),) if bodies else ()
    return FunctionAnswer(Element("data", "", rows, attributes))
