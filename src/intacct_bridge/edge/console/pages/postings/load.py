"""Load: drop a file, see how it is understood, map its columns where needed, plan, approve, apply, and keep what was
refused to correct it and drop it again.
"""

import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING, Any

from intacct_bridge.edge.console.jobs import BackgroundJob, JobConsole
from intacct_bridge.edge.console.pages.postings import plans
from intacct_bridge.edge.console.pages.postings.dropped_files import (
    DroppedFile,
    changing_outcomes,
    files_of,
    find_file,
    keep_file,
    mapping_text,
    remove_file,
)
from intacct_bridge.edge.console.visit import (
    ConsolePage,
    Download,
    NotFoundError,
    PageView,
    Redirect,
    Visit,
    address,
    company_context,
)
from intacct_bridge.edge.terminal.failures import described
from intacct_bridge.errors import IntacctError, SettingsError
from intacct_bridge.model.wording import counted
from intacct_bridge.served_demo import listed_connections

if TYPE_CHECKING:
    from intacct_bridge.edge.cli.context import CommandContext
    from intacct_bridge.flow.layouts.base import Layout
    from intacct_bridge.flow.plan.plan import Plan
    from intacct_bridge.flow.post.outcome import RecordOutcome
    from intacct_bridge.flow.tables.table import InputTable

MODES = (
    ("create", "Create records"),
    ("update", "Update records"),
    ("upsert", "Update records, create the others"),
    ("delete", "Delete records"),
)
_TEXTS = ("as", "key", "sheet", "header-row", "date-order", "encoding", "delimiter", "where")
"""Options of `intacct load` with one value; the form has them under these names."""
_LINES = {"set": "set", "date-format": "date-format"}
"""Options that may be repeated: one in each line of a field."""
_TICKS = ("allow-duplicates", "clear-empty", "draft", "atomic")
_ROWS, _LONGEST = 5, 200


def show(visit: Visit) -> PageView:
    """The form for a file, and the files of this person."""
    return _first_page(visit)


def _first_page(visit: Visit, problem: dict[str, str] | None = None, status: int = 200) -> PageView:
    from intacct_bridge.flow.layouts.declaration import layout_names

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
        "files": [_listed(one) for one in files_of(visit.person)],
    }
    return PageView("load.html", data, status=status)


def _listed(one: DroppedFile) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "connection": one.connection,
        "dropped": one.dropped,
        "state": one.tally or ("planned" if one.plan else "problem" if one.problem else "read"),
    }


def add(visit: Visit) -> PageView | Redirect:
    """Keep a dropped file, and see how it is understood."""
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
    _understand(visit, file)
    return visit.redirect(address("load", file.id))


def attach(visit: Visit) -> Redirect:
    """Add files that the rows name."""
    file = find_file(visit.params["id"], visit.person)
    uploads = visit.uploads("attached")
    if not uploads:
        raise SettingsError("No file was chosen.", fix="Choose the files that the rows name.")
    file.attach(uploads, most=visit.site.settings.largest_upload)
    file.forget_plan()
    file.save()
    return visit.redirect(address("load", file.id), notice=f"{counted(len(uploads), 'file')} added. Plan again.")


def _understand(visit: Visit, file: DroppedFile) -> None:
    """Read the beginning of a file as its options say, and keep what was found, or why it cannot be read."""
    file.preview, file.problem = {}, {}
    try:
        with _reading(visit, file) as context:
            file.preview = _preview(context, file)
    except IntacctError as error:
        file.problem = described(error)
    file.save()


def _reading(visit: Visit, file: DroppedFile) -> AbstractContextManager["CommandContext"]:
    """The company for a look at a file. It is a run of the history only where the company is asked for its objects."""
    return visit.company(file.connection, "load preview", entity=file.entity, run_at_first_call=True)


def _preview(context: "CommandContext", file: DroppedFile) -> dict[str, Any]:
    from intacct_bridge.edge.cli.postings.load import parse_load_options
    from intacct_bridge.edge.cli.postings.load_options import input_table, layout_of

    options = parse_load_options(file.options())
    if not options["as_name"] and options["map_file"] is None:
        raise SettingsError(
            f"It is not known what {file.name} holds.",
            fix="Choose a layout such as bills or journal-entries, or name an object such as VENDOR.",
        )
    layout = layout_of(context, file.path, options)
    table = input_table(file.path, layout, options, came_with=file.came_with)
    rows = list(islice(iter(table), _ROWS))
    return {
        "form": table.form,
        "sheet": table.sheet,
        "sheets": _sheets(file),
        "header": table.header,
        "object": layout.object,
        "fits": layout.fits(table.columns),
        "columns": [
            {
                "name": name,
                "known": layout.knows(name),
                "first": [_text(row.cells.get(name)) for row in rows],
            }
            for name in table.columns
        ],
        "notes": [*table.notes, *_notes(layout, table)],
        "faults": [f"row {row.number}: {row.fault}" for row in rows if row.fault],
    }


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)[:_LONGEST]


def _notes(layout: "Layout", table: "InputTable") -> Sequence[str]:
    try:
        return layout.notes(table)
    except IntacctError as error:  # columns that the layout does not know: the page says so beside them
        return (error.message,)


def _sheets(file: DroppedFile) -> list[str]:
    from intacct_bridge.flow.tables.open import sheet_names

    return sheet_names(file.path)


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
        "file": _listed(file) | {"entity": file.entity, "run": file.run},
        "as_command": shlex.join(["intacct", "load", file.name, *file.words, "--connection", file.connection]),
        "given": _given(file.words),
        "modes": [list(one) for one in MODES],
        "preview": file.preview,
        "has_mapping": file.mapping.is_file(),
        "mapping": file.mapping.read_text("utf-8") if file.mapping.is_file() else "",
        "attached": file.attached,
        "problem": problem,
        "plan": plan,
        "outcomes": list(islice(file.outcomes.values(), plans._SHOWN)),
        "tally": file.tally,
        "has_refused": file.refused.is_file(),
        "refused_name": file.refused.name,
    }
    return PageView("loaded_file.html", data, title=file.name)


def _given(words: Sequence[str]) -> dict[str, str]:
    """The options as the form has them: repeated ones in lines."""
    found: dict[str, str] = dict.fromkeys((*_TEXTS, *_LINES, *_TICKS, "mode"), "")
    left = iter(words)
    for word in left:
        name = word.removeprefix("--")
        if name in _TICKS:
            found[name] = "yes"
        else:
            value = next(left, "")
            found[name] = f"{found[name]}\n{value}".strip() if name in _LINES else value
    return found


def read(visit: Visit) -> Redirect:
    """Read the file as the form says."""
    file = find_file(visit.params["id"], visit.person)
    words = [word for name in ("mode", *_TEXTS) if visit.field(name) for word in (f"--{name}", visit.field(name))]
    for name in _LINES:
        for line in filter(None, map(str.strip, visit.field(name).splitlines())):
            words += [f"--{name}", line]
    words += [f"--{name}" for name in _TICKS if visit.checked(name)]
    file.words = words
    file.forget_plan()
    _understand(visit, file)
    return visit.redirect(address("load", file.id))


def show_mapping(visit: Visit) -> PageView:
    """The form that gives each column its field; the object's fields come from the company."""
    file = find_file(visit.params["id"], visit.person)
    object_name = visit.query.get("object", "").strip().upper() or file.preview.get("object", "")
    if not object_name:
        raise SettingsError("A mapping is for an object, and none is chosen.", fix="Name one, such as VENDOR.")
    with _reading(visit, file) as context:
        columns = file.preview.get("columns") or _plain_columns(file)
        names, _ = _fields(context, object_name)
    data = {
        "file": _listed(file),
        "object": object_name,
        "columns": columns,
        "fields": names,
        "guesses": {one["name"]: _guess(one["name"], names) for one in columns},
        "text": file.mapping.read_text("utf-8") if file.mapping.is_file() else "",
    }
    return PageView("mapping.html", data, title=f"Mapping of {file.name}")


def _plain_columns(file: DroppedFile) -> list[dict[str, Any]]:
    """The columns of a file that no layout was chosen for yet."""
    from intacct_bridge.flow.tables.open import open_table

    given = _given(file.words)
    table = open_table(file.path, sheet=given["sheet"] or None)
    rows = list(islice(iter(table), _ROWS))
    return [
        {"name": name, "known": False, "first": [_text(row.cells.get(name)) for row in rows]} for name in table.columns
    ]


def _fields(context: "CommandContext", object_name: str) -> tuple[list[str], dict[str, str]]:
    """The names that a column may have, those of lines with their object before them; and how each is read."""
    from intacct_bridge.flow.company.writable import writable_object
    from intacct_bridge.wire.values import Kind

    kinds = {
        Kind.DATE: "date",
        Kind.TIMESTAMP: "time",
        Kind.DECIMAL: "number",
        Kind.INTEGER: "integer",
        Kind.BOOLEAN: "boolean",
    }
    writable = writable_object(context.load_gateway, object_name)
    sets = {one.wrapper for one in writable.lines}
    names = [name for name in writable.names() if name not in sets]
    found = {name: kinds.get(field.kind, "") for name in names if (field := writable.field(name)) is not None}
    for one in writable.lines:
        own = one.described.fields if one.described is not None else {}
        found |= {f"{one.object}.{name}": kinds.get(field.kind, "") for name, field in own.items()}
    return names, found


def _guess(column: str, names: Sequence[str]) -> str:
    """The field of a column that has its name, apart from case and marks."""
    plain = "".join(letter for letter in column.upper() if letter.isalnum())
    return next((name for name in names if name.replace("_", "") == plain), "")


def map_columns(visit: Visit) -> PageView | Redirect:
    """Save the mapping that the form describes, or the text of a mapping file, and read the file by it."""
    file = find_file(visit.params["id"], visit.person)
    text = (visit.form.fields.get("text") or [""])[-1].replace("\r\n", "\n")
    object_name = visit.field("object").upper()
    with _reading(visit, file) as context:
        if not visit.checked("as-text"):
            columns = visit.fields("column")
            chosen = dict(zip(columns, visit.fields("field"), strict=False))
            names, kinds = _fields(context, object_name)
            unknown = [one for one in chosen.values() if one and one not in names]
            if unknown:
                raise SettingsError(f"{object_name} has no field {unknown[0]}.", fix="Choose one of the list.")
            fields = {field: column for column, field in chosen.items() if field}
            text = mapping_text(object_name, fields, {**kinds, "": "\0".join(columns)}, visit.field("group_by"))
    from intacct_bridge.model.mapping.language import parse_map

    parse_map(text, file.mapping.name)
    file.mapping.write_text(text, encoding="utf-8")
    file.words = _without(file.words, "--as")
    file.forget_plan()
    _understand(visit, file)
    return visit.redirect(address("load", file.id), notice="The mapping is saved.")


def _without(words: Sequence[str], name: str) -> list[str]:
    """The words without an option that has a value."""
    at = words.index(name) if name in words else -1
    return list(words) if at < 0 else [*words[:at], *words[at + 2 :]]


def unmap(visit: Visit) -> Redirect:
    """Remove the mapping."""
    file = find_file(visit.params["id"], visit.person)
    file.mapping.unlink(missing_ok=True)
    file.forget_plan()
    _understand(visit, file)
    return visit.redirect(address("load", file.id))


def plan(visit: Visit) -> Redirect:
    """Plan the file as a job: the plan is kept beside the outbox, the refused rows beside the file."""
    file = find_file(visit.params["id"], visit.person)

    def work(job: BackgroundJob) -> None:
        job.result = address("load", file.id)
        file.forget_plan()
        with company_context(
            file.connection, "load", person=job.person, entity=file.entity, console=JobConsole(job)
        ) as context:
            _make_plan(context, file, job.person)

    return visit.start(f"Plan {file.name}", work)


def _make_plan(context: "CommandContext", file: DroppedFile, person: str) -> None:
    from intacct_bridge.edge.cli.postings.load import parse_load_options
    from intacct_bridge.edge.cli.postings.load_options import plan_input, send_options
    from intacct_bridge.flow.approval.approvals import keep_plan
    from intacct_bridge.flow.approval.plan_folder import PlanFolder
    from intacct_bridge.flow.layouts.refused_rows import write_refused
    from intacct_bridge.flow.plan.plan import Verdict

    options = parse_load_options(file.options())
    with context.open_outbox() as outbox:
        table, made = plan_input(context, file.path, outbox, options, came_with=file.came_with)
        kept = keep_plan(made, context.load_gateway, outbox, send_options(options), person=person)
        PlanFolder(outbox).save(kept)
    assert kept.origin is not None
    rows = made.refused_rows
    if rows:
        write_refused(table, rows, file.refused)
        context.recorder.add_file(file.refused)
    file.plan, file.problem = kept.origin.id, {}
    context.status = 1 if made.of(Verdict.REFUSED) else 0
    file.save()


def approve(visit: Visit) -> Redirect:
    """Approve the plan of the file."""
    file = _planned(visit)
    with visit.company(file.connection, "plan approve", entity=file.entity) as context, context.open_outbox() as outbox:
        until = plans.approve_digest(context, outbox, file.plan, visit.field("digest"), visit.person)
    return visit.redirect(address("load", file.id), notice=f"Approved by {visit.person} until {until}.")


def apply(visit: Visit) -> Redirect:
    """Post the plan that the person saw, as a job; another window may have planned the file again."""
    file = _planned(visit)
    if visit.field("plan") != file.plan:
        raise SettingsError(
            f"{file.name} has another plan than the one that you saw. Nothing was posted.",
            fix="Open the file's page again, look at its plan, then post it.",
        )
    plans.refuse_unconfirmed(visit, file.connection)

    def keep(context: "CommandContext", plan: "Plan", outcomes: "Sequence[RecordOutcome]") -> None:
        _keep_outcomes(context, file, plan, outcomes)

    result = address("load", file.id)
    work = plans.apply_work(file.connection, file.plan, entity=file.entity, result=result, after=keep)
    return visit.start(f"Post {file.name}", work)


def _keep_outcomes(
    context: "CommandContext", file: DroppedFile, plan: "Plan", outcomes: "Sequence[RecordOutcome]"
) -> None:
    """Keep the receipts, and write the rows that Intacct refused beside those that the plan refused."""
    from intacct_bridge.edge.cli.postings.load import parse_load_options
    from intacct_bridge.edge.cli.postings.load_options import input_table, layout_of
    from intacct_bridge.edge.views.load import OUTCOME_COLUMNS, outcome_rows, rejected_rows, tally_of
    from intacct_bridge.flow.layouts.refused_rows import write_refused
    from intacct_bridge.flow.plan.plan import WRITTEN
    from intacct_bridge.flow.records.status import RecordStatus

    rejected = {row.number: why for row, why in rejected_rows(outcomes)}
    if rejected:
        options = parse_load_options(file.options())
        table = input_table(file.path, layout_of(context, file.path, options), options, came_with=file.came_with)
        planned = {row.number: why for row, why in (plan.kept or plan).refused_rows}
        reasons = {**planned, **rejected}
        rows = [(row, reasons[row.number]) for row in table if row.number in reasons]
        write_refused(table, rows, file.refused)
        context.recorder.add_file(file.refused)
    with changing_outcomes(file) as kept:
        for outcome, row in zip(outcomes, outcome_rows(outcomes, as_json=False), strict=True):
            record = outcome.write.identity.text
            if outcome.status is not RecordStatus.SENT or record not in kept.outcomes:  # another job posts it just now
                kept.outcomes[record] = dict(zip(OUTCOME_COLUMNS, row, strict=True))
        left = sum(one.write.identity.text not in kept.outcomes for one in plan.of(*WRITTEN))
        kept.tally = tally_of((one["outcome"] for one in kept.outcomes.values()), left)
        kept.run = context.recorder.id if outcomes else kept.run


def _planned(visit: Visit) -> DroppedFile:
    file = find_file(visit.params["id"], visit.person)
    if not file.plan:
        raise SettingsError(f"{file.name} has no plan.", fix="Plan it first.")
    return file


def refused(visit: Visit) -> Download:
    """The refused rows as a file that can be corrected and dropped again."""
    file = find_file(visit.params["id"], visit.person)
    if not file.refused.is_file():
        raise NotFoundError(f"No row of {file.name} is refused.")
    return Download(file.refused.name, file.refused.read_bytes())


def mapping_file(visit: Visit) -> Download:
    """The mapping as a file for `intacct load --map`."""
    file = find_file(visit.params["id"], visit.person)
    if not file.mapping.is_file():
        raise NotFoundError(f"{file.name} has no mapping.")
    return Download(f"{file.path.stem}.toml", file.mapping.read_bytes(), "application/toml")


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
            "map": map_columns,
            "unmap": unmap,
            "plan": plan,
            "approve": approve,
            "apply": apply,
            "remove": remove,
            "attach": attach,
        },
        takes_files=True,
    ),
    ConsolePage("/load/{id}/mapping", "Mapping", show_mapping),
    ConsolePage("/load/{id}/refused-rows", "Refused rows", refused, is_file=True),
    ConsolePage("/load/{id}/mapping-file", "Mapping file", mapping_file, is_file=True),
)
