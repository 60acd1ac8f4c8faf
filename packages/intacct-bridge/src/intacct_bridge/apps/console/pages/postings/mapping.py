"""The mapping of a dropped file: the form that gives each column its field, and the text of the mapping."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.pages.postings.dropped_files import DroppedFile, find_file, listed, mapping_text
from intacct_bridge.apps.console.pages.postings.file_preview import reading, understand
from intacct_bridge.apps.web.pages import Download, NotFoundError, PageRequest, PageView, Redirect, address
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.recorded_run import RecordedRun


def show_mapping(request: PageRequest) -> PageView:
    """The form that gives each column its field; the object's fields come from the company."""
    file = find_file(request.params["id"], request.person)
    object_name = request.query.get("object", "").strip().upper() or file.preview.get("object", "")
    if not object_name:
        raise SettingsError("A mapping is for an object, and none is chosen.", fix="Name one, such as VENDOR.")
    with reading(request, file) as run:
        columns = file.preview.get("columns") or _plain_columns(file)
        names, _ = _fields(run, object_name)
    data = {
        "file": listed(file),
        "object": object_name,
        "columns": columns,
        "fields": names,
        "guesses": {one["name"]: _guess(one["name"], names) for one in columns},
        "text": file.mapping.read_text("utf-8") if file.mapping.is_file() else "",
    }
    return PageView("mapping.html", data, title=f"Mapping of {file.name}")


def _plain_columns(file: DroppedFile) -> list[dict[str, Any]]:
    """The columns of a file that no layout was chosen for yet."""
    from intacct_bridge.operations.loads import preview_columns

    return [
        {"name": column.name, "known": False, "first": list(column.first)} for column in preview_columns(file.request)
    ]


def _fields(run: "RecordedRun", object_name: str) -> tuple[list[str], dict[str, str]]:
    """The names that a column may have, those of lines with their object before them; and how each is read."""
    from intacct_bridge.operations.loads import mapping_fields

    fields = mapping_fields(run, object_name)
    return [field.name for field in fields], {field.name: field.reading for field in fields}


def _guess(column: str, names: Sequence[str]) -> str:
    """The field of a column that has its name, apart from case and marks."""
    plain = "".join(letter for letter in column.upper() if letter.isalnum())
    return next((name for name in names if name.replace("_", "") == plain), "")


def map_columns(request: PageRequest) -> PageView | Redirect:
    """Save the mapping that the form describes, or the text of a mapping file, and read the file by it."""
    file = find_file(request.params["id"], request.person)
    text = (request.form.fields.get("text") or [""])[-1].replace("\r\n", "\n")
    object_name = request.field("object").upper()
    with reading(request, file) as run:
        if not request.checked("as-text"):
            columns = request.fields("column")
            chosen = dict(zip(columns, request.fields("field"), strict=False))
            names, kinds = _fields(run, object_name)
            unknown = [one for one in chosen.values() if one and one not in names]
            if unknown:
                raise SettingsError(f"{object_name} has no field {unknown[0]}.", fix="Choose one of the list.")
            fields = {field: column for column, field in chosen.items() if field}
            text = mapping_text(object_name, fields, {**kinds, "": "\0".join(columns)}, request.field("group_by"))
    from intacct_bridge.operations.loads import parse_map

    parse_map(text, file.mapping.name)
    file.mapping.write_text(text, encoding="utf-8")
    file.fields.pop("as", None)
    file.forget_plan()
    understand(request, file)
    return request.redirect(address("load", file.id), notice="The mapping is saved.")


def unmap(request: PageRequest) -> Redirect:
    """Remove the mapping."""
    file = find_file(request.params["id"], request.person)
    file.mapping.unlink(missing_ok=True)
    file.forget_plan()
    understand(request, file)
    return request.redirect(address("load", file.id))


def mapping_file(request: PageRequest) -> Download:
    """The mapping as a file for `intacct load --map`."""
    file = find_file(request.params["id"], request.person)
    if not file.mapping.is_file():
        raise NotFoundError(f"{file.name} has no mapping.")
    return Download(f"{file.path.stem}.toml", file.mapping.read_bytes(), "application/toml")
