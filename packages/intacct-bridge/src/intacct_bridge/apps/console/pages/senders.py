"""Shared senders: one sender of a Web Services developer licence that many connections use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intacct_bridge.apps.console.pages.connection_form import KEPT
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect, address
from intacct_bridge.operations.connections import (
    ListedSender,
    delete_sender,
    list_senders,
    save_sender,
    sender_settings,
    user_file,
)
from intacct_protocol.errors import SettingsError


def show_new(request: PageRequest) -> PageView:
    """The form for a new sender."""
    return _sender_form(request, None, {})


def show_one(request: PageRequest) -> PageView:
    """A sender, the connections that use it, and its form."""
    sender = _find_sender(request)
    return _sender_form(request, sender, sender_settings(sender.name, Path(sender.source)))


def _find_sender(request: PageRequest) -> ListedSender:
    name = request.params["name"]
    sender = next((one for one in list_senders() if one.name == name), None)
    if sender is None:
        raise NotFoundError(f"There is no shared sender {name!r}.", fix="Choose one of the list, or add it.")
    return sender


def _sender_form(
    request: PageRequest,
    sender: ListedSender | None,
    settings: Mapping[str, Any],
    *,
    problem: Mapping[str, str] | None = None,
    typed_name: str = "",
) -> PageView:
    password = settings.get("sender_password", "")
    kind, place = next(iter(password.items()), ("", "")) if isinstance(password, Mapping) else ("", "")
    named = settings.get("sender_id", "")
    data = {
        "name": sender.name if sender is not None else "",
        "typed_name": typed_name,
        "sender_id": named if isinstance(named, str) else "",
        "kept": KEPT[kind].format(place) if kind else "kept" if password else "",
        "used_by": list(sender.used_by) if sender is not None else [],
        "file": sender.source if sender is not None else str(user_file()),
        "action": address("senders", sender.name) if sender is not None else "/add-sender",
        "problem": dict(problem or {}),
        "may_configure": request.may_configure,
    }
    title = f"Sender {sender.name}" if sender is not None else "Add a shared sender"
    return PageView("sender.html", data, title=title, status=422 if problem else 200)


def save_new(request: PageRequest) -> Redirect | PageView:
    """Save a new sender."""
    name = request.field("name")
    if not name or "/" in name or any(one.name == name for one in list_senders()):
        lines = {"error": "The name is empty, has a slash, or is taken.", "fix": "Choose another name."}
        return _sender_form(request, None, {"sender_id": request.field("sender_id")}, problem=lines, typed_name=name)
    return _save_sender(request, name, None, user_file())


def save_one(request: PageRequest) -> Redirect | PageView:
    """Save a sender's settings."""
    sender = _find_sender(request)
    return _save_sender(request, sender.name, sender, Path(sender.source))


def _save_sender(request: PageRequest, name: str, sender: ListedSender | None, path: Path) -> Redirect | PageView:
    request.check_may_configure()
    before = sender_settings(name, path) if sender is not None else {}
    variable = request.field("sender_password_env")
    password = {"env": variable} if variable else request.secret("sender_password")
    sender_id = request.field("sender_id") or str(before.get("sender_id", ""))
    try:
        note = save_sender(name, sender_id, password, path, otherwise="Name a variable instead.")
    except SettingsError as error:
        settings = {**before, "sender_id": sender_id}
        return _sender_form(request, sender, settings, problem=described(error), typed_name=name)
    return request.redirect("/connections", notice=f"Saved sender {name}. {note}".strip())


def remove(request: PageRequest) -> Redirect:
    """Take a sender that no connection uses out of its file."""
    request.check_may_configure()
    sender = _find_sender(request)
    note = delete_sender(sender)
    return request.redirect("/connections", notice=f"Removed sender {sender.name}. {note}".strip())


PAGES = (
    Page("/add-sender", "Add a shared sender", show_new, actions={"": save_new}),
    Page(
        "/senders/{name}",
        "Shared sender",
        show_one,
        actions={"": save_one, "remove": remove},
        examples={"name": "ours"},
    ),
)
