"""Extract: choose streams, fields and a destination; estimate the cost; run, with progress and result."""

import json
from collections.abc import Sequence
from shlex import join
from typing import Any

from intacct_bridge.apps.console.copies import check_known, known_copies
from intacct_bridge.apps.console.pages.browse import connections
from intacct_bridge.apps.console.pages.reporting import prepare_reports
from intacct_bridge.apps.console.site import command_work
from intacct_bridge.apps.console.visit import ConsolePage, NotFoundError, PageView, Redirect, Visit, address
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.web.jobs import BackgroundJob, JobConsole
from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.streams.defaults import DOCUMENTS, LISTS
from intacct_protocol.errors import InvalidRequestError

USUAL = "duckdb:///intacct.duckdb"
GROUPS = {"Documents": tuple(DOCUMENTS.split()), "Lists": tuple(LISTS.split())}


def show(visit: Visit) -> PageView:
    """The form of an extraction."""
    return _form(visit, _entered(visit))


def _entered(visit: Visit) -> dict[str, Any]:
    """The choices of the form that was sent, or those to begin with."""
    _, connection = connections(visit)
    known = known_copies()
    return {
        "connection": visit.field("connection") or connection,
        "streams": visit.fields("stream"),
        "others": visit.field("others"),
        "select": visit.field("select"),
        "to": visit.field("to") or (known[0].uri if known else USUAL),
        "full": visit.checked("full"),
        "since": visit.field("since"),
        "most": visit.field("most"),
    }


def _form(visit: Visit, form: dict[str, Any], *, status: int = 200, **more: Any) -> PageView:
    names, _ = connections(visit)
    earlier = [job.data() for job in visit.site.jobs.of(visit.person) if job.page.startswith("/extract/")]
    copies = [one.uri for one in known_copies()]
    data = {"names": names, "form": form, "groups": GROUPS, "copies": copies, "earlier": earlier, "problem": {}, **more}
    return PageView("extract.html", data, status=status)


def words_of(form: dict[str, Any]) -> list[str]:
    """The command line of the form. InvalidRequestError for a destination that a page cannot write to."""
    if parse_uri(form["to"]).scheme == "singer":
        raise InvalidRequestError(
            "Singer messages go to a program, and a page is none", fix="Name a database or a folder."
        )
    words = ["extract", "--connection", form["connection"], "--to", form["to"]]
    for option, name in (("--select", "select"), ("--since", "since"), ("--max-transactions", "most")):
        words += [f"{option}={form[name]}"] if form[name] else []
    words += ["--full"] if form["full"] else []
    streams = [*form["streams"], *form["others"].replace(",", " ").split()]
    return [*words, "--", *dict.fromkeys(streams)] if streams else words


def _begin(visit: Visit, title: str, *flags: str) -> Redirect | PageView:
    form = _entered(visit)
    check_known(visit, form["to"])
    try:
        words = words_of(form)
    except InvalidRequestError as error:
        return _form(visit, form, status=422, problem=described(error))

    def keep(job: BackgroundJob, console: JobConsole) -> None:
        text = console.results.getvalue()
        if text.strip():
            job.add(json.loads(text))

    at = words.index("--") if "--" in words else len(words)
    asked = [*words[:at], *flags, *words[at:]]
    work = command_work(visit.site, [*asked[:1], "--json", *asked[1:]], after=keep)

    def run(job: BackgroundJob) -> None:
        job.add({"command": join(["intacct", *asked]), "copy": form["to"], "connection": form["connection"]})
        work(job)
        if not flags:
            prepare_reports(visit, form["to"])

    return visit.start(title, run, page="/extract/{id}")


def start(visit: Visit) -> Redirect | PageView:
    """Run the extraction."""
    return _begin(visit, f"Extract to {visit.field('to')}")


def estimate(visit: Visit) -> Redirect | PageView:
    """Show what it would read and cost."""
    return _begin(visit, "Estimate of an extraction", "--estimate")


def show_run(visit: Visit) -> PageView:
    """An extraction or an estimate: its progress, then its streams."""
    job = visit.site.jobs.find(visit.params["id"], visit.person)
    if job is None:
        raise NotFoundError("There is no such extraction.", fix="What it did is in the history of runs.")
    renewal = job.renewal()
    items = list(job.items)
    begun = items[0] if items else {}
    result = items[1] if len(items) > 1 else None
    streams = (result if isinstance(result, list) else result["streams"]) if result is not None else []
    busy = [one for one in streams if one.get("rows") or one.get("deleted") or one.get("error") or one.get("notes")]
    estimated = isinstance(result, list)
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
    ConsolePage("/extract", "Extract", show, nav="Extract", actions={"run": start, "estimate": estimate}),
    ConsolePage("/extract/{id}", "Extract", show_run),
)
