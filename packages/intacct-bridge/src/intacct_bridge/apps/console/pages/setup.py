"""Set up: the assistant as pages. The planned use, the steps with their forms, live ticks, the letter to send."""

import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.views.setup import STATES, as_data
from intacct_bridge.apps.views.setup_page import page, picture
from intacct_bridge.apps.web.jobs import BackgroundJob
from intacct_bridge.apps.web.pages import (
    Answer,
    Download,
    NotFoundError,
    Page,
    PageRequest,
    PageView,
    Redirect,
    address,
)
from intacct_bridge.operations.connections import list_senders, listed_connections
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_bridge.operations.setup import (
    DONE,
    MISSING,
    UNKNOWN,
    DoctorFinding,
    SetUpAssistant,
    SetUpProgress,
    SetUpStep,
    check_set_up,
    letter,
    object_names,
    shared_sender,
)
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import listed

WAIT_SECONDS = 10.0
"""Between two checks of a watch until a sign-in is possible; then three times as long, since a check costs."""
_CHECKS = 60
_SLICE = 0.2
_LOOK_SECONDS = 1.0
"""Between two looks at the settings during a wait."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_ANSWERS = ("company_id", "sender", "sender_id", "user_id", "email", "role", "location_id", "environment", "endpoint")
_BY_HAND = ("testers", "production")
"""The steps that no check of this connection sees."""
_LOOKS = {DONE: ("good", "ok"), MISSING: ("bad", "failure"), UNKNOWN: ("quiet", "skipped")}


# --- the list


def show(request: PageRequest) -> PageView:
    """The connections with their planned use, and the form for a new one."""
    return _list(request, {"name": "", "reads": "", "writes": ""})


def _list(_visit: PageRequest, form: Mapping[str, str], problem: Mapping[str, str] | None = None) -> PageView:
    names = [one.name for one in listed_connections()]
    plans = []
    for name in names:
        progress = _assistant_of(name).progress
        uses = (("reads", progress.reads), ("writes", progress.writes))
        plans.append(
            {
                "name": name,
                "use": " and ".join(f"{verb} {listed(objects)}" for verb, objects in uses if objects),
                "checked": _moment(progress.checked),
            }
        )
    data = {"connections": plans, "names": names, "form": form, "problem": problem or {}}
    return PageView("setup.html", data, status=422 if problem else 200)


def begin(request: PageRequest) -> Answer:
    """Keep the planned use of a connection, which need not exist yet."""
    form = {name: request.field(name) for name in ("name", "reads", "writes")}
    try:
        if not _is_listed(form["name"]) and not _NAME.fullmatch(form["name"]):
            raise SettingsError(
                f"{form['name']!r} cannot be the name of a connection.", fix="Use letters, digits, - and _."
            )
        _plan(_assistant_of(form["name"]), form["reads"], form["writes"])
    except SettingsError as error:
        return _list(request, form, described(error))
    return request.redirect(address("setup", form["name"]))


def _plan(assistant: SetUpAssistant, reads: str, writes: str) -> None:
    if not object_names([reads, writes]):
        raise SettingsError("The planned use is empty.", fix="Name an object to read or to write.")
    assistant.plan([reads], [writes])


# --- one connection


def show_one(request: PageRequest) -> PageView:
    """The steps as the last check left them."""
    job = _running(request)
    renewal = job.renewal() if job is not None else {}
    assistant = _assistant(request)
    checklist = assistant.checklist()
    progress = assistant.progress
    data = {
        **as_data(checklist),
        "name": assistant.name,
        "summary": checklist.summary,
        "use": checklist.values.purpose,
        "steps": [_step(one) for one in checklist.steps] if progress.is_planned else [],
        "last_check": _moment(checklist.checked),
        "job": job.data() if job is not None else None,
        "plan": {"reads": ", ".join(progress.reads), "writes": ", ".join(progress.writes)},
        "answers": {name: getattr(progress.answers, name) for name in _ANSWERS},
        "is_connection": _is_listed(assistant.name),
        "may_configure": request.may_configure,
        "senders": [one.name for one in list_senders()],
        "command": _command(assistant.name, progress),
    }
    return PageView("setup_steps.html", data, title=f"Set up {assistant.name}", **renewal)


def _step(step: SetUpStep) -> dict[str, Any]:
    badge, look = _LOOKS[step.state]
    shown = {name: getattr(step, name) for name in ("number", "id", "title", "who", "menu", "why", "source", "tag")}
    return shown | {
        "state": step.state,
        "word": STATES[step.state],
        "badge": badge,
        "look": look,
        "observed": step.observed,
        "at": _moment(step.at),
        "inferred": step.inferred,
        "by_hand": step.by_hand,
        "can_be_ticked": step.state == UNKNOWN and (step.id in _BY_HAND or bool(step.observed)),
        "fields": [{"label": one.label, "value": one.value} for one in step.fields],
        "grants": [one.as_texts() for one in step.grants],
        "notes": list(step.notes),
        "own_notes": list(step.own_notes),
        "picture": picture(step),
    }


def _command(name: str, progress: "SetUpProgress") -> str:
    words = [f"--read {one}" for one in progress.reads] + [f"--write {one}" for one in progress.writes]
    return " ".join(["intacct setup --connection", name, *words])


def plan(request: PageRequest) -> Redirect:
    """Change the planned use."""
    _plan(_assistant_of(request.params["name"]), request.field("reads"), request.field("writes"))
    return request.redirect(_address(request), notice="The planned use is kept. Check again.")


def answer(request: PageRequest) -> Redirect:
    """Keep values for the forms, and for the checks before there is a connection."""
    request.check_may_configure()  # the sender's password goes to the gateway that they name
    _assistant(request).answer(**{name: request.field(name) for name in _ANSWERS})
    return request.redirect(_address(request), notice="The values are in the forms now.")


def tick(request: PageRequest) -> Redirect:
    """Tick a step by hand, or remove the tick."""
    _assistant(request).tick(request.field("step"), on=request.field("on") == "yes")
    return request.redirect(f"{_address(request)}#{request.field('step')}")


def connect(request: PageRequest) -> Redirect:
    """Go to the form of the connection; a new one has the values of the assistant already."""
    assistant = _assistant(request)
    if _is_listed(assistant.name):
        return request.redirect(address("connections", assistant.name, "edit"))
    answers = assistant.progress.answers
    values = {
        name: getattr(answers, name) for name in ("company_id", "user_id", "location_id", "environment", "endpoint")
    }
    values |= (
        {"sender": shared_sender(answers).name} if shared_sender(answers).name else {"sender_id": answers.sender_id}
    )
    request.session.drafts["connection "] = {name: text for name, text in values.items() if text}
    return request.redirect("/add-connection", notice=f"Name the connection {assistant.name}.")


# --- checks


def check(request: PageRequest) -> Redirect:
    """Check once."""
    return _start(request, "Check the set-up", 1)


def watch(request: PageRequest) -> Redirect:
    """Check until everything is done, so that the steps tick themselves."""
    return _start(request, "Watch the set-up", _CHECKS)


def _start(request: PageRequest, title: str, checks: int) -> Redirect:
    name = _assistant(request).name
    if _running(request) is not None:
        return request.redirect(_address(request), notice="A check is running already.")

    def work(job: BackgroundJob) -> None:
        with job.company(name, "setup") as run:
            for number in range(1, checks + 1):
                if _checked(job, run, name) or number == checks:
                    return
                _wait(job, name)

    return request.start(f"{title}: {name}", work, page=_address(request).replace("{", "{{").replace("}", "}}"))


def _checked(job: BackgroundJob, run: RecordedRun, name: str) -> bool:
    """Check once; whether another check would say nothing new, or do harm."""
    assistant = _assistant_of(name, run)

    def tell(finding: DoctorFinding) -> None:
        job.tell(run.messages.masked(f"{finding.title}: {finding.observed}"))

    result = check_set_up(run, assistant, on_finding=tell)
    checklist = result.checklist
    job.advance(len(checklist.steps) - len(checklist.left), len(checklist.steps), "steps")
    if result.is_refused:
        job.tell("Intacct refuses the sign-in. No more checks: wrong passwords lock a user out.")
    if not result.has_connection:
        job.tell(run.messages.masked(checklist.problem))
    return result.is_refused or checklist.is_ready


def _wait(job: BackgroundJob, name: str) -> None:
    """Wait for the next check; it comes at once if the settings of the connection changed."""
    before = _checked_settings(name)
    observed = _assistant_of(name).progress.observed
    signed_in = "user" in observed and observed["user"].state != UNKNOWN
    end = time.monotonic() + WAIT_SECONDS * (3 if signed_in else 1)
    looked = time.monotonic()
    while time.monotonic() < end:
        job.stop_if_asked()
        time.sleep(_SLICE)
        if time.monotonic() - looked > _LOOK_SECONDS:
            looked = time.monotonic()
            if _checked_settings(name) != before:
                return


def _checked_settings(name: str) -> object:
    """What can be checked of a connection now: whether it has a user, and with which settings."""
    checked = _assistant_of(name).checked
    if checked.connection is None or not checked.only_sender:
        return checked.connection
    connection = checked.connection
    return connection.endpoint, connection.company_id, connection.sender_id, connection.sender_password


# --- what to send


def show_letter(request: PageRequest) -> Answer:
    """The letter to the administrator, to copy or to print; with `as`, the text or the page with pictures as a file."""
    assistant = _assistant(request)
    checklist = assistant.checklist()
    form = request.query.get("as", "")
    if form == "text":
        return Download("set-up.txt", letter(checklist).encode(), "text/plain; charset=utf-8")
    if form == "page":
        return Download("set-up.html", page(checklist).encode(), "text/html; charset=utf-8")
    is_planned = assistant.progress.is_planned
    steps = [_step(one) for one in checklist.steps if one.for_administrator and one.form] if is_planned else []
    text = letter(checklist) if is_planned else ""
    data = {"name": assistant.name, "letter": text, "use": checklist.values.purpose, "steps": steps}
    return PageView("setup_letter.html", data, title=f"To the administrator: {assistant.name}")


# --- the assistant of a page


def _assistant_of(name: str, recorded: RecordedRun | None = None) -> SetUpAssistant:
    """The assistant for a connection as its files are now. Its clients are those of the run that records them."""
    looked_up = RecordedRun(connection=name)
    return SetUpAssistant(name, lambda: looked_up.connection, (recorded or looked_up).open_client)


def _assistant(request: PageRequest) -> SetUpAssistant:
    assistant = _assistant_of(request.params["name"])
    if not assistant.progress.is_planned and not _is_listed(assistant.name):
        raise NotFoundError(f"There is no planned use for {assistant.name!r}.", fix="Plan it on the page Set up.")
    return assistant


def _is_listed(name: str) -> bool:
    return any(one.name == name for one in listed_connections())


def _address(request: PageRequest) -> str:
    return address("setup", request.params["name"])


def _running(request: PageRequest) -> BackgroundJob | None:
    jobs = request.app.jobs.of(request.person)
    return next((one for one in jobs if one.is_running and one.page == _address(request)), None)


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


PAGES = (
    Page("/setup", "Set up Sage Intacct", show, nav="Set up", actions={"begin": begin}),
    Page(
        "/setup/{name}",
        "Set up",
        show_one,
        examples={"name": "books"},
        actions={"plan": plan, "answer": answer, "tick": tick, "connect": connect, "check": check, "watch": watch},
    ),
    Page("/setup/{name}/letter", "To the administrator", show_letter, examples={"name": "books"}),
)
