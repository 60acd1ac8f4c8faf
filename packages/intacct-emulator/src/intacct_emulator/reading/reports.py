"""Custom reports and views: run over the company's rows, and read page by page.

`readReport` gives a report id and a status. The report is ready some time later, and `readMore` with the id then gives
one page at a time; after the last page the report no longer exists. A call waits up to its `waitTime`. No source
records the tag of the rows (ours is `REPORT`) or any status besides PENDING, so the words are settings. An argument
limits a column to a value or a range of days. Reports are defined in a scenario; the demo company has its own.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.company.relations import Column
from intacct_emulator.company.render import page_text, page_xml
from intacct_emulator.company.selection import select
from intacct_emulator.reading.query import CONTENT_TYPES, bare
from intacct_emulator.reading.query_request import described_for, read_request
from intacct_emulator.settings.companies import ReportSettings
from intacct_emulator.settings.refusals import FunctionRefusedError, bad_query, refused
from intacct_protocol.errors import Fault
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.query import Compare, Filter, Op, all_of, any_of
from intacct_protocol.model.query.where import parse_where
from intacct_protocol.xml.xml import Element, element

DEFAULT_PAGE = 1000
LONGEST_WAIT = 30
_WORDS = {
    "=": Op.EQUALTO,
    "equals": Op.EQUALTO,
    "not equal": Op.NOTEQUALTO,
    "less than": Op.LESSTHAN,
    "less or equal": Op.LESSTHANOREQUALTO,
    "greater than": Op.GREATERTHAN,
    "greater or equal": Op.GREATERTHANOREQUALTO,
    "contains": Op.LIKE,
}


@dataclass(slots=True)
class RunningReport:
    """A report or a view, and how far it was read."""

    described: ObjectDef
    numbers: Sequence[int]
    columns: list[Column]
    page_size: int
    ready: float
    """Seconds since the epoch."""
    return_format: str = ""
    fails: bool = False
    place: int = 0


def read_report(call: FunctionCall) -> FunctionAnswer:
    """Start a report and wait for it up to `waitTime`, or give its definition."""
    name = call.body.findtext("report").strip()
    report = _defined(call, call.company.reports, name)
    if report is None:
        raise FunctionRefusedError(Fault("readReport Failed", description2=f"The report '{name}' does not exist."))
    if call.body.get("returnDef").strip() == "true":
        return FunctionAnswer(element("data", _definition(report)))
    running = _started(call, report, _arguments(call))
    running.fails = report.fails
    running.ready = call.now + call.company.behaviour.report_seconds
    seed = f"{call.session.session_id}/{call.control_id}/{call.now}/{name}/{len(call.company.results)}"
    report_id = call.body.findtext("reportId").strip() or hashlib.blake2b(seed.encode(), digest_size=12).hexdigest()
    call.company.results.put(("report", report_id), running)
    return _first(call, running, report_id)


def _first(call: FunctionCall, running: RunningReport, report_id: str) -> FunctionAnswer:
    """The answer of the starting call, after it waited."""
    seconds = call.company.behaviour.report_seconds
    waited = min(seconds, _wait_time(call))
    ready = seconds <= waited and not running.fails
    only_status = call.body.findtext("showStatusOnly").strip() in ("true", "1")
    if ready and waited:
        running.ready = call.now
    at_once = call.company.behaviour.report_first_page == "at once"
    if ready and at_once and not only_status:
        return replace(_report_page(call, running, report_id), wait=waited)
    words = call.company.behaviour
    done = ready and (only_status or waited > 0)
    return FunctionAnswer(_status(report_id, words.report_ready if done else words.report_waiting), wait=waited)


def _wait_time(call: FunctionCall) -> float:
    text = call.body.findtext("waitTime").strip() or "0"
    if not text.isdecimal() or int(text) > LONGEST_WAIT:
        raise refused(f"The waitTime is 0 to {LONGEST_WAIT} seconds, not '{text}'.")
    return float(text)


def more_of_report(call: FunctionCall) -> FunctionAnswer:
    """The next page of a report by its id, once it is ready."""
    report_id = call.body.findtext("reportId").strip()
    running: RunningReport | None = call.company.results.recall(("report", report_id))
    if running is None:
        text = f"The report with ID '{report_id}' does not exist or was read to its end."
        raise FunctionRefusedError(Fault("readMore Failed", description2=text))
    words = call.company.behaviour
    if call.now < running.ready:
        return FunctionAnswer(_status(report_id, words.report_waiting))
    if running.fails:
        return FunctionAnswer(_status(report_id, words.report_failed))
    return _report_page(call, running, report_id)


def _report_page(call: FunctionCall, running: RunningReport, report_id: str) -> FunctionAnswer:
    if running.return_format in CONTENT_TYPES:
        table = call.company.table(running.described)
        texts = page_text(table, _next_numbers(running), running.columns, call.session.user.formatting)
        answer = bare(running.return_format, running.columns, texts)
    else:
        answer = FunctionAnswer(_page_answer(call, running, "report", "REPORT"))
    if running.place >= len(running.numbers):
        del call.company.results[("report", report_id)]
    return answer


def read_view(call: FunctionCall) -> FunctionAnswer:
    """The first page of a view, named as `OBJECT#id` or by its name."""
    name = call.body.findtext("view").strip()
    view = _defined(call, call.company.views, name)
    if view is None:
        raise FunctionRefusedError(Fault("readView Failed", description2=f"The view '{name}' does not exist."))
    running = _started(call, view, _view_filters(call))
    call.company.results.put(("view", call.session.session_id, name), running)
    return _view_page(call, running)


def more_of_view(call: FunctionCall) -> FunctionAnswer:
    """The next page of the view that this session reads."""
    name = call.body.findtext("view").strip()
    running: RunningReport | None = call.company.results.recall(("view", call.session.session_id, name))
    if running is None:
        raise FunctionRefusedError(Fault("readMore Failed", description2=f"The view '{name}' is not being read."))
    return _view_page(call, running)


def _view_page(call: FunctionCall, running: RunningReport) -> FunctionAnswer:
    page = _page_answer(call, running, "view", running.described.name.lower())
    return FunctionAnswer(Element("data", "", (Element("view", "", page.children, page.attributes),), page.attributes))


def _defined(call: FunctionCall, among: Sequence[ReportSettings], name: str) -> ReportSettings | None:
    kind = "interactive" if call.body.get("type").strip() == "interactive" else "original"
    for definition in among:
        if name in (definition.name, f"{definition.object}#{definition.id}") and (
            definition.kind == kind or call.name == "readView"
        ):
            return definition
    return None


def _started(call: FunctionCall, report: ReportSettings, limits: Filter | None) -> RunningReport:
    described = described_for(call, "READ", report.object)
    parts = [one for one in (parse_where(report.where) if report.where else None, limits) if one is not None]
    request = read_request(call, described, report.columns, all_of(parts) if parts else None)
    size = int(call.body.findtext("pagesize") or DEFAULT_PAGE)
    return_format = call.body.findtext("returnFormat").strip()
    numbers = select(call.company, request.rows)
    return RunningReport(described, numbers, request.columns, size, call.now, return_format)


def _next_numbers(running: RunningReport) -> Sequence[int]:
    """The row numbers of the next page; reading continues after it."""
    numbers = running.numbers[running.place : running.place + running.page_size]
    running.place += len(numbers)
    return numbers


def _page_answer(call: FunctionCall, running: RunningReport, listtype: str, tag: str) -> Element:
    table = call.company.table(running.described)
    page = page_xml(table, _next_numbers(running), tag, running.columns, call.session.user.formatting)
    attributes = {
        "listtype": listtype,
        "count": str(page.count),
        "totalcount": str(len(running.numbers)),
        "numremaining": str(len(running.numbers) - running.place),
    }
    return Element("data", "", (page,) if page.count else (), attributes)


def _status(report_id: str, word: str) -> Element:
    return element("data", element("report_results", element("REPORTID", report_id), element("STATUS", word)))


def _definition(report: ReportSettings) -> Element:
    if report.kind == "interactive":
        columns = [
            element("COLUMN", element("PATH", name), element("FULLPATH", f"{report.object}.{name}"))
            for name in report.columns
        ]
        head = [element("REPORTTYPE", "CRW"), element("OBJECT", report.object), element("DOCPARID")]
        parts = [element("REPORTNAME", report.name), *head, Element("COLUMNS", "", tuple(columns))]
        return Element("report_definition", "", tuple(parts))
    prompts = tuple(
        element(
            "PARAMETER",
            element("NAME", f"{report.object}.{name}"),
            element("label", name.replace("_", " ").capitalize()),
            element("promptOnRun", "1"),
        )
        for name in report.parameters
    )
    return element(
        "report_definition",
        element("REPORTNAME", report.name),
        element("REPORTTYPE", "tabular"),
        element("ROOT", report.object),
        Element("PARAMETERS", "", prompts),
        element("SORTBY"),
    )


def _arguments(call: FunctionCall) -> Filter | None:
    arguments = call.body.find("arguments")
    parts: list[Filter] = []
    for argument in () if arguments is None else arguments.children:
        name = argument.tag.partition(".")[2] or argument.tag
        first, last = argument.findtext("FROM_DATE"), argument.findtext("TO_DATE")
        if argument.children:
            parts += [Compare(name, Op.GREATERTHANOREQUALTO, (first,))] if first else []
            parts += [Compare(name, Op.LESSTHANOREQUALTO, (last,))] if last else []
        elif argument.text.strip():
            parts.append(Compare(name, Op.EQUALTO, (argument.text.strip(),)))
    return all_of(parts) if parts else None


def _view_filters(call: FunctionCall) -> Filter | None:
    filters = call.body.find("filters")
    if filters is None:
        return None
    parts: list[Filter] = []
    for expression in filters.findall("filterExpression"):
        op = _WORDS.get(expression.findtext("operator").strip().lower())
        if op is None:
            raise bad_query(f"The operator '{expression.findtext('operator')}' is not valid.")
        value = expression.findtext("value")
        parts.append(Compare(expression.findtext("field"), op, (f"%{value}%" if op is Op.LIKE else value,)))
    if not parts:
        raise refused("A view's filters hold at least one filterExpression.")
    return any_of(parts) if filters.findtext("filterCondition").strip().upper() == "OR" else all_of(parts)
