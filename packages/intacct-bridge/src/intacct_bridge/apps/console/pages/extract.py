"""Extract: choose streams, fields and a destination; estimate the cost; run, with progress and result."""

from collections.abc import Mapping, Sequence
from datetime import date
from shlex import join
from typing import Any

from intacct_bridge.apps.console.copies import check_known
from intacct_bridge.apps.console.pages.browse import connections
from intacct_bridge.apps.console.pages.reporting import prepare_reports
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.views.extract import estimate_data, log_extraction, stream_data, summary
from intacct_bridge.apps.web.jobs import BackgroundJob
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect, address
from intacct_bridge.operations.copies import written_copies
from intacct_bridge.operations.extract import (
    DOCUMENTS,
    LISTS,
    ExtractRequest,
    ExtractResult,
    StreamProgress,
    estimate,
    extract,
)
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_protocol.errors import InvalidRequestError, RefusedError

USUAL = "duckdb:///intacct.duckdb"
GROUPS = {"Documents": tuple(DOCUMENTS.split()), "Lists": tuple(LISTS.split())}


def show(request: PageRequest) -> PageView:
    """The form of an extraction."""
    return _extract_form(request, _entered(request))


def _entered(request: PageRequest) -> dict[str, Any]:
    """The choices of the form that was sent, or those to begin with."""
    _, connection = connections(request)
    written = written_copies()
    return {
        "connection": request.field("connection") or connection,
        "streams": request.fields("stream"),
        "others": request.field("others"),
        "select": request.field("select"),
        "to": request.field("to") or (written[0].uri if written else USUAL),
        "full": request.checked("full"),
        "since": request.field("since"),
        "most": request.field("most"),
    }


def _extract_form(request: PageRequest, form: dict[str, Any], *, status: int = 200, **more: Any) -> PageView:
    names, _ = connections(request)
    earlier = [job.data() for job in request.app.jobs.of(request.person) if job.page.startswith("/extract/")]
    copies = [one.uri for one in written_copies()]
    data = {"names": names, "form": form, "groups": GROUPS, "copies": copies, "earlier": earlier, "problem": {}, **more}
    return PageView("extract.html", data, status=status)


def request_of(form: Mapping[str, Any]) -> ExtractRequest:
    """The extraction of the form. InvalidRequestError for what no extraction understands."""
    if form["to"] == "-":
        raise InvalidRequestError(
            "Singer messages go to a program, and a page is none", fix="Name a database or a folder."
        )
    try:
        since = date.fromisoformat(form["since"]) if form["since"] else None
    except ValueError:
        raise InvalidRequestError(f"{form['since']!r} is not a date", fix="Write it as 2026-01-31.") from None
    if form["most"] and not (form["most"].isdecimal() and int(form["most"])):
        raise InvalidRequestError(f"{form['most']!r} is not a number of API transactions", fix="Write a whole number.")
    extraction = ExtractRequest(
        to=form["to"],
        streams=_streams(form),
        select=(form["select"],) if form["select"] else (),
        full=bool(form["full"]),
        since=since,
    )
    extraction.check()
    return extraction


def _streams(form: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*form["streams"], *form["others"].replace(",", " ").split())))


def words_of(form: Mapping[str, Any]) -> list[str]:
    """The command that does the same."""
    words = ["extract", "--connection", form["connection"], "--to", form["to"]]
    for option, name in (("--select", "select"), ("--since", "since"), ("--max-transactions", "most")):
        words += [f"{option}={form[name]}"] if form[name] else []
    words += ["--full"] if form["full"] else []
    streams = _streams(form)
    return [*words, "--", *streams] if streams else words


def _begin(request: PageRequest, title: str, *, estimated: bool) -> Redirect | PageView:
    form = _entered(request)
    check_known(request, form["to"])
    try:
        extraction = request_of(form)
    except InvalidRequestError as error:
        return _extract_form(request, form, status=422, problem=described(error))
    words = words_of(form)
    at = words.index("--") if "--" in words else len(words)
    words[at:at] = ["--estimate"] if estimated else []

    def work(job: BackgroundJob) -> None:
        job.add({"command": join(["intacct", *words]), "copy": form["to"], "estimate": estimated})
        with job.company(form["connection"], "extract") as run:
            client = run.limited_client(int(form["most"]) if form["most"] else None)
            if estimated:
                job.add([estimate_data(one) for one in estimate(client, extraction)])
                return
            result = _extracted(run, extraction)
            job.add([stream_data(one) for one in result.outcomes])
            job.stop_if_asked()
            run.status = 0 if result.complete else 1
        if not result.complete:
            raise RefusedError("Some streams were not read to their end.", fix="The table says why, and what helps.")
        prepare_reports(request, form["to"])

    return request.start(title, work, page="/extract/{id}")


def _extracted(run: RecordedRun, extraction: ExtractRequest) -> ExtractResult:
    """Carry the extraction out, with its messages."""
    messages = run.messages

    def progress(stream: StreamProgress) -> None:
        messages.progressed(stream.stream, stream.rows, stream.rows + stream.expected, "rows")

    result = extract(run.client, extraction, run=run.recorder, progress=progress)
    log_extraction(result.outcomes, messages)
    for problem in result.problems:
        messages.complain(f"{problem.subject}: {problem.error} {problem.fix}".strip())
    messages.say(summary(result))
    return result


def start(request: PageRequest) -> Redirect | PageView:
    """Run the extraction."""
    return _begin(request, f"Extract to {request.field('to')}", estimated=False)


def show_estimate(request: PageRequest) -> Redirect | PageView:
    """Show what it would read and cost."""
    return _begin(request, "Estimate of an extraction", estimated=True)


def show_run(request: PageRequest) -> PageView:
    """An extraction or an estimate: its progress, then its streams."""
    job = request.app.jobs.find(request.params["id"], request.person)
    if job is None:
        raise NotFoundError("There is no such extraction.", fix="What it did is in the history of runs.")
    renewal = job.renewal()
    items = list(job.items)
    begun = items[0] if items else {}
    streams = items[1] if len(items) > 1 else []
    busy = [one for one in streams if one.get("rows") or one.get("deleted") or one.get("error") or one.get("notes")]
    estimated = bool(begun.get("estimate"))
    data = {
        "job": job.data(),
        "command": begun.get("command", ""),
        "is_estimate": estimated,
        "streams": streams if estimated else busy,
        "read": len(streams),
        "totals": _totals(streams),
        "reports": "" if estimated or renewal else address("reporting", "trial-balance", copy=begun.get("copy", "")),
    }
    return PageView("extract_run.html", data, title=job.title, **renewal)


def _totals(streams: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(one.get(name) or 0 for one in streams) for name in ("rows", "deleted", "transactions")}


PAGES = (
    Page("/extract", "Extract", show, nav="Extract", actions={"run": start, "estimate": show_estimate}),
    Page("/extract/{id}", "Extract", show_run),
)
