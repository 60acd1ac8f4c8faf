"""Doctor: the set-up checks as they run, each finding with its fix, and the letter to the administrator."""

import io
import shlex

from intacct_bridge.apps.console.jobs import BackgroundJob
from intacct_bridge.apps.console.visit import (
    ConsolePage,
    Download,
    NotFoundError,
    PageView,
    Redirect,
    Visit,
    company_context,
)
from intacct_bridge.apps.terminal.console import Console
from intacct_bridge.apps.views.doctor import finding_data, verdict, without_secrets
from intacct_bridge.connections.demo_company import listed_connections
from intacct_bridge.connections.sources import list_connections
from intacct_bridge.setup.doctor.examination import Examination
from intacct_bridge.setup.doctor.examination import Job as PlannedJob
from intacct_bridge.setup.doctor.letter import letter


def show(visit: Visit) -> PageView:
    """The form of an examination, and the examinations of this person."""
    earlier = [job.data() for job in visit.site.jobs.of(visit.person) if job.page.startswith("/doctor/")]
    names = [one.name for one in listed_connections()]
    chosen = visit.query.get("connection") or visit.site.settings.connection or (names[0] if names else "")
    return PageView("doctor.html", {"names": names, "chosen": chosen, "earlier": earlier})


def run(visit: Visit) -> Redirect:
    """Begin an examination."""
    name = visit.field("connection")
    planned = PlannedJob(_names(visit.field("streams")), _names(visit.field("writes")))

    def work(job: BackgroundJob) -> None:
        console = Console(out=io.StringIO(), err=io.StringIO())
        with company_context(name, "doctor", person=job.person, console=console) as context:
            job.tell(f"Checking {context.connection.target} as {context.connection.user_id}.")
            examination = Examination(context.connection, context.open_client, planned, siblings=list_connections())
            findings = []
            for finding in examination.run():
                findings.append(finding)
                job.add(without_secrets(finding_data(finding), console))
            report = examination.report(findings)
            job.tell(console.masked(verdict(report)))
            text = console.masked(letter(context.connection, planned, report.findings))
            job.add({"letter": text, "healthy": report.healthy})

    words = ["intacct", "doctor", "--connection", name]
    for option, objects in (("--streams", planned.streams), ("--writes", planned.writes)):
        words += [option, ",".join(objects)] if objects else []

    return visit.start(f"Doctor: {name}", work, page="/doctor/{id}", command=shlex.join(words))


def show_examination(visit: Visit) -> PageView:
    """The findings of an examination so far, and at its end the letter."""
    job = _examination(visit)
    renewal = job.renewal()
    items = list(job.items)
    findings = [one for one in items if "status" in one]
    last = next((one for one in items if "letter" in one), None)
    data = {
        "job": job.data(),
        "findings": findings,
        "healthy": last["healthy"] if last else None,
        "letter": last["letter"] if last else "",
        "command": job.facts["command"],
    }
    return PageView("examination.html", data, title=job.title, **renewal)


def _examination(visit: Visit) -> BackgroundJob:
    job = visit.site.jobs.find(visit.params["id"], visit.person)
    if job is None or "command" not in job.facts:
        raise NotFoundError("There is no such examination.", fix="Run the checks again.")
    return job


def _letter(visit: Visit) -> tuple[BackgroundJob, str]:
    job = _examination(visit)
    found = next((one["letter"] for one in list(job.items) if "letter" in one), "")
    if not found:
        raise NotFoundError("The letter is not written yet.", fix="Wait for the end of the checks.")
    return job, found


def show_letter(visit: Visit) -> PageView:
    """The letter alone, to print."""
    job, text = _letter(visit)
    return PageView("letter.html", {"letter": text, "job": job.data()})


def letter_file(visit: Visit) -> Download:
    """The letter as a text file."""
    return Download("to-the-administrator.txt", _letter(visit)[1].encode(), "text/plain; charset=utf-8")


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip().upper() for name in text.split(",") if name.strip()))


PAGES = (
    ConsolePage("/doctor", "Doctor", show, nav="Doctor", actions={"run": run}),
    ConsolePage("/doctor/{id}", "Doctor", show_examination),
    ConsolePage("/doctor/{id}/letter", "Letter to the administrator", show_letter),
    ConsolePage("/doctor/{id}/letter.txt", "Letter", letter_file, is_file=True),
)
