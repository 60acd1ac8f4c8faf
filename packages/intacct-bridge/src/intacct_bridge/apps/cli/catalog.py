"""`intacct objects`, `describe` and `template`: objects and their fields, functions, and the layouts of files."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import READ, WRITE, command
from intacct_bridge.apps.cli.context import CommandContext, file_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.load.layouts.declaration import LayoutDeclaration
    from intacct_protocol.model.catalog import ObjectDef
    from intacct_protocol.model.legacy.grammar import FunctionDef


@command(
    "objects",
    section=READ,
    place=1,
    short_help="List the objects of the company.",
    exits=CONNECTED,
)
@click.argument("pattern", required=False)
@shared_options(prints_table=True)
def objects_command(context: CommandContext, *, pattern: str | None) -> None:
    """List the objects of the company.

    PATTERN is a part of a name or label, or a pattern with * or ?.

    \b
    Examples:
      intacct objects bill
      intacct objects 'AR*'
    """
    from intacct_bridge.operations.query import list_objects

    rows = list_objects(context.client, pattern or "")
    context.output.table(("object", "label"), rows, empty=f"No objects match {pattern!r}.")


@command(
    "describe",
    section=READ,
    place=2,
    short_help="Show the fields of an object, the elements of a function, or the columns of a layout.",
    exits=CONNECTED,
)
@click.argument("name", metavar="NAME")
@click.option("--python", "as_python", is_flag=True, help="Print a typed Python class for its rows instead.")
@click.option(
    "--document-type",
    metavar="NAME",
    help="Include the custom fields of this transaction definition, such as 'Sales Order'.",
)
@shared_options(prints_table=True)
def describe_command(context: CommandContext, *, name: str, as_python: bool, document_type: str | None) -> None:
    """Show the fields of an object, the elements of a function in their order, or the columns of a file layout.

    \b
    Examples:
      intacct describe APBILL
      intacct describe bills
      intacct describe APBILL --python > apbill.py
      intacct describe create_invoice
    """
    from intacct_bridge.load.layouts.declaration import declaration
    from intacct_protocol.model.legacy.grammar import function_def

    function = function_def(name) or function_def(name.lower())
    if function is not None:
        _show_function(context, function)
        return
    declared = None if name.isupper() else declaration(name)
    if declared is not None:
        _show_layout(context, declared)
        return
    if document_type is not None:
        from intacct_bridge.extract.selection import definition

        document_type = definition(context.client, name, document_type)
    described = context.client.describe(name.upper(), doc_par_id=document_type)
    if as_python:
        from intacct_bridge.apps.views.row_model import row_model

        context.output.result(row_model(described))
        return
    _show_object(context, described)


def _show_object(context: CommandContext, described: "ObjectDef") -> None:
    output = context.output
    fields = [
        (field.name, field.kind.lower(), field.required, field.readonly, field.custom, field.label, field.values)
        for field in described.fields.values()
    ]
    columns = ("field", "type", "required", "readonly", "custom", "label", "values")
    relations = [(one.path, one.object, one.kind.lower(), one.by) for one in described.relations.values()]
    if output.as_json:
        output.json(
            {
                "object": described.name,
                "fields": [dict(zip(columns, row, strict=True)) for row in fields],
                "relations": [dict(zip(("path", "object", "kind", "by"), row, strict=True)) for row in relations],
            }
        )
        return
    output.table(columns[:-1], [(*row[:2], *("yes" if flag else "" for flag in row[2:5]), row[5]) for row in fields])
    listed = [row for row in fields if row[6]]
    if listed:
        output.result("")
        output.table(("field", "accepted values"), [(row[0], row[6]) for row in listed])
    if relations:
        output.result("")
        output.table(("path", "object", "kind", "by"), relations)
    output.say(f"{counted(len(fields), 'field')}, {counted(len(relations), 'relation')}")


def _show_layout(context: CommandContext, declared: "LayoutDeclaration") -> None:
    """The columns of a layout of files."""
    heads = ("column", "required", "field", "also called", "note")
    rows = [
        (
            one.name,
            one.required and "default" not in one.rule,
            one.field,
            ", ".join((*one.names, *one.otherwise)),
            one.note,
        )
        for one in declared.columns
    ]
    if context.output.as_json:
        columns = [dict(zip(heads, row, strict=True)) for row in rows]
        context.output.json({"layout": declared.name, "object": declared.object, "columns": columns})
        return
    context.output.table(heads, [(row[0], "yes" if row[1] else "", *row[2:]) for row in rows])
    context.output.say(f"{declared.about} Columns under Intacct's own names are taken too.")
    context.output.say(f"For an empty file: intacct template {declared.name} --out {declared.name}.xlsx")


@command(
    "template",
    section=WRITE,
    place=2,
    short_help="Write an empty file to fill in and load: bills, journal entries, vendors, ...",
    exits={},
)
@click.argument("name", metavar="LAYOUT", required=False)
@file_option("--out", "Write the template to this .csv or .xlsx file (default: print it as CSV).")
@shared_options(connected=False, prints_table=True)
def template_command(context: CommandContext, *, name: str | None, out: Path | None) -> None:
    """Write an empty file of a layout: notes, the names of columns, and an example.

    Without LAYOUT, list the layouts. The example is not loaded.

    \b
    Examples:
      intacct template
      intacct template bills --out bills.xlsx
    """
    from intacct_bridge.load.layouts.declaration import declaration, declarations
    from intacct_bridge.load.layouts.template import template_text, write_template

    if name is None:
        rows = [(one.name, one.object, one.about) for one in declarations().values()]
        context.output.table(("layout", "object", "about"), rows)
        return
    declared = declaration(name)
    if declared is None:
        names = list(declarations())
        raise SettingsError(
            f"there is no layout {name!r}{did_you_mean(name.lower(), names)}", fix=f"use one of {', '.join(names)}"
        )
    if out is None:
        context.output.result(template_text(declared).rstrip("\n"))
        return
    write_template(declared, out)
    context.output.say(f"{out} is an empty file of the layout {declared.name}.")
    context.output.say(f"Fill it in, and check it: intacct load {shlex.quote(str(out))} --as {declared.name}")


def _show_function(context: CommandContext, function: "FunctionDef") -> None:
    required = set(function.model.required)
    attributes = [
        (f"@{attribute.name}", attribute.required, "", ", ".join(attribute.values)) for attribute in function.attributes
    ]
    names = dict.fromkeys(function.model.names)
    rows = [(name, name in required, position, "") for position, name in enumerate(names, 1)]
    context.output.table(
        ("element", "required", "order", "values"),
        [(name, "yes" if needed else "", order, values) for name, needed, order, values in (*attributes, *rows)],
    )
    context.output.say(f"Content model: {function.text}")
