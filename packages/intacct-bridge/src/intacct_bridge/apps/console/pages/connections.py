"""Connections: the list, each connection with its settings, and the form that adds or edits one."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from intacct_bridge.apps.console.pages.connection_form import check_complete, form_groups, typed_settings
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.views.connection import signed_in
from intacct_bridge.apps.web.jobs import BackgroundJob, Work
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect, address
from intacct_bridge.apps.web.setting_fields import LABELS
from intacct_bridge.operations.connections import (
    DEMO,
    ListedConnection,
    PasswordPlace,
    file_of,
    list_senders,
    listed_connections,
    remove_connection,
    save_connection,
    saved_settings,
    show_connection,
    try_connection,
    try_unsaved_connection,
    user_file,
)
from intacct_protocol.errors import IntacctError, SettingsError

_WAIT = 5.0
"""Seconds that a sign-in may take before its own page shows it."""
_OTHERWISE = "Name a variable instead of typing the password."


def show(request: PageRequest) -> PageView:
    """Every connection and every shared sender of this machine."""
    return PageView(
        "connections.html",
        {
            "connections": [asdict(one) for one in listed_connections()],
            "senders": [asdict(one) for one in list_senders()],
            "may_configure": request.may_configure,
        },
    )


def show_one(request: PageRequest) -> PageView:
    """A connection's settings with the source of each; secrets are not shown."""
    return _connection(request, _find(request))


def _find(request: PageRequest) -> ListedConnection:
    name = request.params["name"]
    connection = next((one for one in listed_connections() if one.name == name), None)
    if connection is None:
        raise NotFoundError(f"There is no connection {name!r}.", fix="Choose one of the list, or add it.")
    return connection


def _connection(
    request: PageRequest, listed: ListedConnection, *, problem: Mapping[str, str] | None = None, status: int = 200
) -> PageView:
    settings: list[dict[str, Any]] = []
    target = ""
    try:
        with request.run(listed.name, "connections show") as run:
            settings = [
                {
                    "label": LABELS.get(setting.name, setting.name),
                    "setting": setting.name,
                    "value": "kept, not shown" if setting.is_secret else setting.value,
                    "from": setting.origin,
                }
                for setting in show_connection(run)
            ]
            target = run.connection.target
    except IntacctError as error:
        problem = problem or described(error)
    data = {
        "name": listed.name,
        "target": target,
        "file": listed.source,
        "settings": settings,
        "problem": dict(problem or {}),
        "editable": request.may_configure and file_of(listed) is not None,
        "is_production": listed.environment == "production",
    }
    return PageView("connection.html", data, title=listed.name, status=status)


def test(request: PageRequest) -> Redirect | PageView:
    """Sign in once."""
    listed = _find(request)
    page = address("connections", listed.name)

    def work(job: BackgroundJob) -> None:
        with job.company(listed.name, "connections test") as run:
            notice = signed_in(try_connection(run))
        job.tell(notice)
        job.result = request.redirect(page, notice=f"{notice}.").address

    def failed(lines: Mapping[str, str]) -> PageView:
        return _connection(request, listed, problem=lines, status=422)

    return _answer_of(request, f"Sign in: {listed.name}", work, failed)


def _answer_of(
    request: PageRequest, title: str, work: Work, failed: Callable[[Mapping[str, str]], PageView]
) -> Redirect | PageView:
    """The end of a job if it comes soon, as a page of its own if it failed; else the job's page."""
    job = request.app.jobs.start(title, work, person=request.person)
    if job.over.wait(_WAIT):
        if job.problem:
            return failed(job.problem)
        return Redirect(job.result or job.page)
    return Redirect(job.page)


def remove(request: PageRequest) -> Redirect:
    """Take a connection out of its file."""
    request.check_may_configure()
    listed = _find(request)
    path = file_of(listed)
    if path is None:
        raise SettingsError(f"{listed.source} defines {listed.name}.", fix="Remove it there.")
    still_in_keyring = remove_connection(listed.name, path)
    notice = f"Removed connection {listed.name}. Intacct is not changed. {still_in_keyring}".strip()
    return request.redirect("/connections", notice=notice)


# --- the form


def show_new(request: PageRequest) -> PageView:
    """The form for a new connection."""
    return _form(request, "", _draft(request, "") or {})


def show_edit(request: PageRequest) -> PageView:
    """The form with a connection's settings."""
    listed, _, before = _editable(request)
    return _form(request, listed.name, _draft(request, listed.name) or before)


def _editable(request: PageRequest) -> tuple[ListedConnection, Path, dict[str, Any]]:
    """A connection, its file, and its table there."""
    listed = _find(request)
    path = file_of(listed)
    if path is None:
        what = "The demo's company" if listed.name == DEMO else listed.source
        raise SettingsError(
            f"{what} defines {listed.name}, which cannot be edited here.", fix="Add another connection."
        )
    return listed, path, {"environment": "production", **saved_settings(listed.name, path)}


def _draft(request: PageRequest, name: str) -> dict[str, Any] | None:
    draft: dict[str, Any] | None = request.session.drafts.get(f"connection {name}")
    return draft


def _form(
    request: PageRequest,
    name: str,
    settings: Mapping[str, Any],
    *,
    problem: Mapping[str, str] | None = None,
    typed_name: str = "",
    status: int = 200,
) -> PageView:
    path = user_file()
    place = PasswordPlace.chosen(name, path, keyring=None)
    if name:
        with suppress(SettingsError):
            path = _editable(request)[1]
    data = {
        "name": name,
        "typed_name": typed_name or name,
        "groups": form_groups(settings, is_draft=_draft(request, name) is not None),
        "file": str(path),
        "place_notice": place.notice.replace(str(path), "this file"),
        "problem": dict(problem or {}),
        "action": address("connections", name, "edit") if name else "/add-connection",
        "may_configure": request.may_configure,
    }
    return PageView("connection_form.html", data, title=f"Edit {name}" if name else "Add a connection", status=status)


def save_new(request: PageRequest) -> Redirect | PageView:
    """Sign in with the settings of the form, and save them."""
    name = request.field("name")
    if not name or "/" in name or any(one.name == name for one in listed_connections()):
        lines = {"error": "The name is empty, has a slash, or is taken.", "fix": "Choose another name."}
        settings = typed_settings(request, _draft(request, "") or {})
        request.session.drafts["connection "] = settings
        return _form(request, "", settings, problem=lines, typed_name=name, status=422)
    return _save_connection(request, name, "", user_file(), before=_draft(request, "") or {}, there={})


def save_edit(request: PageRequest) -> Redirect | PageView:
    """Sign in with the settings of the form, and save them in the connection's file."""
    listed, path, there = _editable(request)
    return _save_connection(
        request, listed.name, listed.name, path, before=_draft(request, listed.name) or there, there=there
    )


def _save_connection(
    request: PageRequest, name: str, shown_as: str, path: Path, *, before: Mapping[str, Any], there: Mapping[str, Any]
) -> Redirect | PageView:
    """Check, sign in unless that is not wanted, and save; a mistake shows the form again with what was typed."""
    request.check_may_configure()
    settings = typed_settings(request, before)
    session, draft = request.session, f"connection {shown_as}"
    session.drafts[draft] = settings

    def again(lines: Mapping[str, str]) -> PageView:
        return _form(request, shown_as, settings, problem=lines, typed_name=name, status=422)

    try:
        check_complete(name, settings)
    except SettingsError as error:
        return again(described(error))
    wants_test = request.checked("test")

    def work(job: BackgroundJob) -> None:
        if wants_test:
            with job.company(name, "connections add") as run:
                job.tell(signed_in(try_unsaved_connection(run, name, settings, path)))
        place = PasswordPlace.chosen(name, path, keyring=None, otherwise=_OTHERWISE)
        saved = save_connection(name, settings, path, place, replaces=there)
        session.drafts.pop(draft, None)
        notice = f"Saved connection {name}{' after a sign-in' if wants_test else ', without a sign-in'}."
        if saved.lifts_approval:
            notice += " Its writes no longer need an approval."
        notice = f"{notice} {saved.still_in_keyring}".strip()
        job.result = request.redirect(address("connections", name), notice=notice).address

    return _answer_of(request, f"Save connection {name}", work, again)


PAGES = (
    Page("/connections", "Connections", show, nav="Connections"),
    Page("/add-connection", "Add a connection", show_new, actions={"": save_new}),
    Page("/connections/{name}", "Connection", show_one, actions={"test": test, "remove": remove}),
    Page("/connections/{name}/edit", "Edit a connection", show_edit, actions={"": save_edit}),
)
