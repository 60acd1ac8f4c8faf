"""The mapping of a dropped file: the form that gives each column its field, and the text of the mapping."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.pages.postings.dropped_files import DroppedFile, find_file, listed, mapping_text
from intacct_bridge.apps.console.pages.postings.file_preview import (
    FIRST_ROWS,
    cell_text,
    form_values,
    reading,
    understand,
)
from intacct_bridge.apps.console.visit import Download, NotFoundError, PageView, Redirect, Visit, address
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.context import CommandContext


def show_mapping(visit: Visit) -> PageView:
    """The form that gives each column its field; the object's fields come from the company."""
    file = find_file(visit.params["id"], visit.person)
    object_name = visit.query.get("object", "").strip().upper() or file.preview.get("object", "")
    if not object_name:
        raise SettingsError("A mapping is for an object, and none is chosen.", fix="Name one, such as VENDOR.")
    with reading(visit, file) as context:
        columns = file.preview.get("columns") or _plain_columns(file)
        names, _ = _fields(context, object_name)
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
    from intacct_bridge.load.tables.open import open_table

    given = form_values(file.words)
    table = open_table(file.path, sheet=given["sheet"] or None)
    rows = list(islice(iter(table), FIRST_ROWS))
    return [
        {"name": name, "known": False, "first": [cell_text(row.cells.get(name)) for row in rows]}
        for name in table.columns
    ]


def _fields(context: "CommandContext", object_name: str) -> tuple[list[str], dict[str, str]]:
    """The names that a column may have, those of lines with their object before them; and how each is read."""
    from intacct_bridge.load.target.writable import writable_object
    from intacct_protocol.xml.values import Kind

    kinds = {
        Kind.DATE: "date",
        Kind.TIMESTAMP: "time",
        Kind.DECIMAL: "number",
        Kind.INTEGER: "integer",
        Kind.BOOLEAN: "boolean",
    }
    writable = writable_object(context.client, object_name)
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
    with reading(visit, file) as context:
        if not visit.checked("as-text"):
            columns = visit.fields("column")
            chosen = dict(zip(columns, visit.fields("field"), strict=False))
            names, kinds = _fields(context, object_name)
            unknown = [one for one in chosen.values() if one and one not in names]
            if unknown:
                raise SettingsError(f"{object_name} has no field {unknown[0]}.", fix="Choose one of the list.")
            fields = {field: column for column, field in chosen.items() if field}
            text = mapping_text(object_name, fields, {**kinds, "": "\0".join(columns)}, visit.field("group_by"))
    from intacct_bridge.mapping.language import parse_map

    parse_map(text, file.mapping.name)
    file.mapping.write_text(text, encoding="utf-8")
    file.words = _without(file.words, "--as")
    file.forget_plan()
    understand(visit, file)
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
    understand(visit, file)
    return visit.redirect(address("load", file.id))


def mapping_file(visit: Visit) -> Download:
    """The mapping as a file for `intacct load --map`."""
    file = find_file(visit.params["id"], visit.person)
    if not file.mapping.is_file():
        raise NotFoundError(f"{file.name} has no mapping.")
    return Download(f"{file.path.stem}.toml", file.mapping.read_bytes(), "application/toml")
