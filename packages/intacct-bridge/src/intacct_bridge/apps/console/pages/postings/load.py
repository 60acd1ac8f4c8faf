"""Load: drop a file, see how it is read, change that, and go on to its mapping, its plan and its outcomes."""

import shlex
from itertools import islice
from typing import Any

from intacct_bridge.apps.console.pages.postings import load_plan, mapping, plans
from intacct_bridge.apps.console.pages.postings.dropped_files import (
    FORM,
    changing,
    files_of,
    find_file,
    keep_file,
    listed,
    remove_file,
)
from intacct_bridge.apps.console.pages.postings.file_preview import filled_fields, understand
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.web.pages import Page, PageRequest, PageView, Redirect, address
from intacct_bridge.connections.demo_company import listed_connections
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.wording import counted

MODES = (
    ("create", "Create records"),
    ("update", "Update records"),
    ("upsert", "Update records, create the others"),
    ("delete", "Delete records"),
)


def show(request: PageRequest) -> PageView:
    """The form for a file, and the files of this person."""
    return _first_page(request)


def _first_page(request: PageRequest, problem: dict[str, str] | None = None, status: int = 200) -> PageView:
    names = [one.name for one in listed_connections()]
    chosen = request.field("connection") or request.query.get("connection") or request.app.proposed_connection
    data = {
        "names": names,
        "chosen": chosen or (names[0] if names else ""),
        "kinds": _kinds(request.field("as"), "What its columns show"),
        "modes": [list(one) for one in MODES],
        "given": {name: request.field(name) for name in ("as", "mode", "entity")},
        "problem": problem or {},
        "most_mb": request.app.largest_upload >> 20,
        "files": [listed(one) for one in files_of(request.person)],
    }
    return PageView("load.html", data, status=status)


def _kinds(chosen: str, otherwise: str) -> list[list[str]]:
    """What rows can be, for a menu: the layouts, and an object that was chosen by its name."""
    from intacct_bridge.operations.loads import layout_kinds

    kinds = [["", otherwise], *([name, f"{about} ({name})"] for name, about in layout_kinds())]
    return kinds if chosen in [name for name, _ in kinds] else [*kinds, [chosen, chosen]]


def add(request: PageRequest) -> PageView | Redirect:
    """Keep a dropped file, and show how it is read."""
    upload = request.upload("file")
    if upload is None:
        return _first_page(
            request, {"error": "No file was chosen.", "fix": "Choose a CSV, Excel, JSON lines or Parquet file."}, 422
        )
    fields = {name: text for name, text in filled_fields(request).items() if name in ("as", "mode")}
    try:
        file = keep_file(
            upload,
            request.uploads("attached"),
            person=request.person,
            connection=request.field("connection"),
            entity=request.field("entity"),
            fields=fields,
            most=request.app.largest_upload,
        )
    except IntacctError as error:
        return _first_page(request, described(error), 422)
    understand(request, file)
    return request.redirect(address("load", file.id))


def attach(request: PageRequest) -> Redirect:
    """Add files that the rows name."""
    uploads = request.uploads("attached")
    if not uploads:
        raise SettingsError("No file was chosen.", fix="Choose the files that the rows name.")
    with changing(request.params["id"], request.person) as file:
        file.attach(uploads, most=request.app.largest_upload)
        file.forget_plan()
    return request.redirect(address("load", file.id), notice=f"{counted(len(uploads), 'file')} added. Plan again.")


def show_one(request: PageRequest) -> PageView:
    """A file with how it is read, its plan and its outcomes."""
    file = find_file(request.params["id"], request.person)
    plan: dict[str, Any] | None = None
    problem = dict(file.problem)
    if file.plan:
        try:
            with request.run(file.connection, "plan show", entity=file.entity) as run:
                plan = plans.plan_facts(request, run, file.plan)
        except IntacctError as error:
            problem = described(error)
    data = {
        "file": listed(file) | {"entity": file.entity, "run": file.run},
        "as_command": shlex.join(["intacct", "load", file.name, *file.words, "--connection", file.connection]),
        "given": {**dict.fromkeys(FORM, ""), **file.fields},
        "modes": [list(one) for one in MODES],
        "kinds": _kinds(
            file.fields.get("as", ""), "By the mapping" if file.mapping.is_file() else "What its columns show"
        ),
        "is_guess": file.is_guess,
        "preview": file.preview,
        "has_mapping": file.mapping.is_file(),
        "mapping": file.mapping.read_text("utf-8") if file.mapping.is_file() else "",
        "attached": file.attached,
        "problem": problem,
        "plan": plan,
        "outcomes": list(islice(file.outcomes.values(), plans.SHOWN)),
        "tally": file.tally,
        "is_posted": file.is_posted,
        "may_undo": bool(file.run) and len(file.outcomes) > len(file.failed),
        "has_refused": file.refused.is_file(),
        "refused_name": file.refused.name,
    }
    return PageView("loaded_file.html", data, title=file.name)


def read(request: PageRequest) -> Redirect:
    """Read the file as the form says."""
    file = find_file(request.params["id"], request.person)
    file.fields = filled_fields(request)
    file.forget_plan()
    understand(request, file)
    return request.redirect(address("load", file.id))


def complete(request: PageRequest) -> Redirect:
    """Give one value for all rows to columns that the file lacks, and plan it if that is all."""
    file = find_file(request.params["id"], request.person)
    values = dict(zip(request.fields("column"), request.fields("value"), strict=False))
    file.add_values({name: text.strip() for name, text in values.items() if text.strip()})
    file.forget_plan()
    understand(request, file)
    if file.problem or not file.preview.get("fits"):
        return request.redirect(address("load", file.id))
    return load_plan.plan(request)


def remove(request: PageRequest) -> Redirect:
    """Remove the file from the console."""
    file = find_file(request.params["id"], request.person)
    remove_file(file)
    return request.redirect("/load", notice=f"{file.name} is removed. What was posted stays in the outbox.")


PAGES = (
    Page("/load", "Load a file", show, nav="Load", actions={"add": add}, takes_files=True),
    Page(
        "/load/{id}",
        "File",
        show_one,
        actions={
            "read": read,
            "complete": complete,
            "map": mapping.map_columns,
            "unmap": mapping.unmap,
            "plan": load_plan.plan,
            "approve": load_plan.approve,
            "apply": load_plan.apply,
            "remove": remove,
            "attach": attach,
        },
        takes_files=True,
    ),
    Page("/load/{id}/mapping", "Mapping", mapping.show_mapping),
    Page("/load/{id}/refused-rows", "Refused rows", load_plan.refused, is_file=True),
    Page("/load/{id}/mapping-file", "Mapping file", mapping.mapping_file, is_file=True),
)
