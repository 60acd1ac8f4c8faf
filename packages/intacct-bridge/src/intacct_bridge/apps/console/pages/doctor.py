"""Doctor: the set-up checks as they run, each finding with its fix, and the letter to the administrator."""

import shlex

from intacct_bridge.apps.views.doctor import finding_data, verdict, without_secrets
from intacct_bridge.apps.web.jobs import BackgroundJob
from intacct_bridge.apps.web.pages import Download, NotFoundError, Page, PageRequest, PageView, Redirect
from intacct_bridge.operations.connections import listed_connections
from intacct_bridge.operations.setup import DoctorFinding, examine, job_from_text


def show(request: PageRequest) -> PageView:
    """The form of an examination, and the examinations of this person."""
    earlier = [job.data() for job in request.app.jobs.of(request.person) if job.page.startswith("/doctor/")]
    names = [one.name for one in listed_connections()]
    chosen = request.query.get("connection") or request.app.proposed_connection or (names[0] if names else "")
    return PageView("doctor.html", {"names": names, "chosen": chosen, "earlier": earlier})


def run(request: PageRequest) -> Redirect:
    """Begin an examination."""
    name = request.field("connection")
    planned = job_from_text(request.field("streams"), request.field("writes"))

    def work(job: BackgroundJob) -> None:
        with job.company(name, "doctor") as run:

            def add(finding: DoctorFinding) -> None:
                job.add(without_secrets(finding_data(finding), run.messages))

            result = examine(run, planned, on_finding=add)
            job.tell(run.messages.masked(verdict(result.report)))
            job.add({"letter": result.letter, "healthy": result.report.healthy})

    words = ["intacct", "doctor", "--connection", name]
    for option, objects in (("--streams", planned.streams), ("--writes", planned.writes)):
        words += [option, ",".join(objects)] if objects else []

    return request.start(f"Doctor: {name}", work, page="/doctor/{id}", command=shlex.join(words))


def show_examination(request: PageRequest) -> PageView:
    """The findings of an examination so far, and at its end the letter."""
    job = _examination(request)
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


def _examination(request: PageRequest) -> BackgroundJob:
    job = request.app.jobs.find(request.params["id"], request.person)
    if job is None or "command" not in job.facts:
        raise NotFoundError("There is no such examination.", fix="Run the checks again.")
    return job


def _letter(request: PageRequest) -> tuple[BackgroundJob, str]:
    job = _examination(request)
    letter = next((one["letter"] for one in list(job.items) if "letter" in one), "")
    if not letter:
        raise NotFoundError("The letter is not written yet.", fix="Wait for the end of the checks.")
    return job, letter


def show_letter(request: PageRequest) -> PageView:
    """The letter alone, to print."""
    job, text = _letter(request)
    return PageView("letter.html", {"letter": text, "job": job.data()})


def letter_file(request: PageRequest) -> Download:
    """The letter as a text file."""
    return Download("to-the-administrator.txt", _letter(request)[1].encode(), "text/plain; charset=utf-8")


PAGES = (
    Page("/doctor", "Doctor", show, nav="Doctor", actions={"run": run}),
    Page("/doctor/{id}", "Doctor", show_examination),
    Page("/doctor/{id}/letter", "Letter to the administrator", show_letter),
    Page("/doctor/{id}/letter.txt", "Letter", letter_file, is_file=True),
)
