"""Load: drop a file, see how it is read, change that, and go on to its mapping, its plan and its outcomes."""

import shlex
from itertools import islice
from typing import Any

from intacct_bridge.apps.console.pages.postings import load_plan, mapping, plans
from intacct_bridge.apps.console.pages.postings.dropped_files import (
    changing,
    files_of,
    find_file,
    keep_file,
    listed,
    remove_file,
)
from intacct_bridge.apps.console.pages.postings.file_preview import form_values, option_words, understand
from intacct_bridge.apps.console.visit import ConsolePage, PageView, Redirect, Visit, address
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.connections.demo_company import listed_connections
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.wording import counted

MODES = (
    ("create", "Create records"),
    ("update", "Update records"),
    ("upsert", "Update records, create the others"),
    ("delete", "Delete records"),
)


def show(visit: Visit) -> PageView:
    """The form for a file, and the files of this person."""
    return _first_page(visit)


def _first_page(visit: Visit, problem: dict[str, str] | None = None, status: int = 200) -> PageView:
    from intacct_bridge.load.layouts.declaration import layout_names

    names = [one.name for one in listed_connections()]
    chosen = visit.field("connection") or visit.query.get("connection") or visit.site.settings.connection
    data = {
        "names": names,
        "chosen": chosen or (names[0] if names else ""),
        "layouts": list(layout_names()),
        "modes": [list(one) for one in MODES],
        "given": {name: visit.field(name) for name in ("as", "mode", "entity")},
        "problem": problem or {},
        "most_mb": visit.site.settings.largest_upload >> 20,
        "files": [listed(one) for one in files_of(visit.person)],
    }
    return PageView("load.html", data, status=status)


def add(visit: Visit) -> PageView | Redirect:
    """Keep a dropped file, and show how it is read."""
    upload = visit.upload("file")
    if upload is None:
        return _first_page(
            visit, {"error": "No file was chosen.", "fix": "Choose a CSV, Excel, JSON lines or Parquet file."}, 422
        )
    words = [word for name in ("as", "mode") if visit.field(name) for word in (f"--{name}", visit.field(name))]
    try:
        file = keep_file(
            upload,
            visit.uploads("attached"),
            person=visit.person,
            connection=visit.field("connection"),
            entity=visit.field("entity"),
            words=words,
            most=visit.site.settings.largest_upload,
        )
    except IntacctError as error:
        return _first_page(visit, described(error), 422)
    understand(visit, file)
    return visit.redirect(address("load", file.id))


def attach(visit: Visit) -> Redirect:
    """Add files that the rows name."""
    uploads = visit.uploads("attached")
    if not uploads:
        raise SettingsError("No file was chosen.", fix="Choose the files that the rows name.")
    with changing(visit.params["id"], visit.person) as file:
        file.attach(uploads, most=visit.site.settings.largest_upload)
        file.forget_plan()
    return visit.redirect(address("load", file.id), notice=f"{counted(len(uploads), 'file')} added. Plan again.")


def show_one(visit: Visit) -> PageView:
    """A file with how it is read, its plan and its outcomes."""
    file = find_file(visit.params["id"], visit.person)
    plan: dict[str, Any] | None = None
    problem = dict(file.problem)
    if file.plan:
        try:
            with (
                visit.company(file.connection, "plan show", entity=file.entity) as context,
                context.open_outbox() as outbox,
            ):
                plan = plans.plan_facts(context, outbox, file.plan, visit.person)
        except IntacctError as error:
            problem = described(error)
    data = {
        "file": listed(file) | {"entity": file.entity, "run": file.run},
        "as_command": shlex.join(["intacct", "load", file.name, *file.words, "--connection", file.connection]),
        "given": form_values(file.words),
        "modes": [list(one) for one in MODES],
        "preview": file.preview,
        "has_mapping": file.mapping.is_file(),
        "mapping": file.mapping.read_text("utf-8") if file.mapping.is_file() else "",
        "attached": file.attached,
        "problem": problem,
        "plan": plan,
        "outcomes": list(islice(file.outcomes.values(), plans.SHOWN)),
        "tally": file.tally,
        "has_refused": file.refused.is_file(),
        "refused_name": file.refused.name,
    }
    return PageView("loaded_file.html", data, title=file.name)


def read(visit: Visit) -> Redirect:
    """Read the file as the form says."""
    file = find_file(visit.params["id"], visit.person)
    file.words = option_words(visit)
    file.forget_plan()
    understand(visit, file)
    return visit.redirect(address("load", file.id))


def remove(visit: Visit) -> Redirect:
    """Remove the file from the console."""
    file = find_file(visit.params["id"], visit.person)
    remove_file(file)
    return visit.redirect("/load", notice=f"{file.name} is removed. What was posted stays in the outbox.")


PAGES = (
    ConsolePage("/load", "Load a file", show, nav="Load", actions={"add": add}, takes_files=True),
    ConsolePage(
        "/load/{id}",
        "File",
        show_one,
        actions={
            "read": read,
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
    ConsolePage("/load/{id}/mapping", "Mapping", mapping.show_mapping),
    ConsolePage("/load/{id}/refused-rows", "Refused rows", load_plan.refused, is_file=True),
    ConsolePage("/load/{id}/mapping-file", "Mapping file", mapping.mapping_file, is_file=True),
)
