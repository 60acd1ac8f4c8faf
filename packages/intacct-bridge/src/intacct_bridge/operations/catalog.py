"""What there is to read and to load: the objects of a company, the layouts of files, and empty files to fill in."""

from dataclasses import dataclass
from pathlib import Path

from intacct_bridge.extract.selection import definition
from intacct_bridge.load.layouts.choose import JOURNAL
from intacct_bridge.load.layouts.declaration import LayoutDeclaration, declaration, declarations
from intacct_bridge.load.layouts.template import template_text
from intacct_bridge.load.layouts.template import write_template as _write_template
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.suggestions import did_you_mean

__all__ = [
    "ColumnOfLayout",
    "LayoutOfFiles",
    "describe_object",
    "find_layout",
    "list_layouts",
    "object_of_layout",
    "template",
    "write_template",
]


@dataclass(frozen=True, slots=True)
class ColumnOfLayout:
    """One column of a layout."""

    name: str
    required: bool
    """Whether a file must have it, since there is no default."""
    field: str
    """The field that it fills: `RECORDID`, or `APBILLITEM.ACCOUNTNO` for one of the lines."""
    other_names: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class LayoutOfFiles:
    """A layout: how files of one kind are read."""

    name: str
    object: str
    about: str
    columns: tuple[ColumnOfLayout, ...]


def list_layouts() -> tuple[LayoutOfFiles, ...]:
    """Every layout, by its name."""
    return tuple(map(_layout_of_files, declarations().values()))


def find_layout(name: str) -> LayoutOfFiles | None:
    """The layout of a name, ignoring case; None if there is none. An object's own name is not a layout."""
    declared = None if name.isupper() else declaration(name)
    return _layout_of_files(declared) if declared is not None else None


def object_of_layout(name: str) -> str:
    """The object whose records a layout is of; another name is an object's own."""
    if name.lower() in JOURNAL:
        return "GLBATCH"
    declared = declaration(name)
    return (declared.object if declared is not None else name).upper()


def _layout_of_files(declared: LayoutDeclaration) -> LayoutOfFiles:
    columns = (
        ColumnOfLayout(
            column.name,
            column.required and "default" not in column.rule,
            column.field,
            (*column.names, *column.otherwise),
            column.note,
        )
        for column in declared.columns
    )
    return LayoutOfFiles(declared.name, declared.object, declared.about, tuple(columns))


def template(name: str) -> str:
    """An empty file of a layout as CSV: notes, the names of columns, and an example, which is not loaded."""
    return template_text(_declared(name))


def write_template(name: str, path: Path) -> str:
    """Write an empty file of a layout, as CSV or as a workbook by the file's ending; the layout's own name.

    SettingsError if there is no such layout, or if the file exists.
    """
    declared = _declared(name)
    _write_template(declared, path)
    return declared.name


def _declared(name: str) -> LayoutDeclaration:
    declared = declaration(name)
    if declared is None:
        names = list(declarations())
        raise SettingsError(
            f"there is no layout {name!r}{did_you_mean(name.lower(), names)}", fix=f"use one of {', '.join(names)}"
        )
    return declared


def describe_object(run: CompanyRun, name: str, *, document_type: str | None = None) -> ObjectDef:
    """The fields and relations of an object; `document_type` is a transaction definition, for its custom fields."""
    doc_par_id = None if document_type is None else definition(run.client, name, document_type)
    return run.client.describe(name.upper(), doc_par_id=doc_par_id)
