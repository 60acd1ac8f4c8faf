"""`intacct objects`, `describe` and `template`: objects and their fields, functions, and the layouts of files."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import READ, WRITE, command
from intacct_bridge.apps.cli.context import CommandContext, file_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.catalog import LayoutOfFiles
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
    from intacct_bridge.operations.catalog import describe_object, find_layout
    from intacct_protocol.model.legacy.grammar import function_def

    function = function_def(name) or function_def(name.lower())
    if function is not None:
        _show_function(context, function)
        return
    layout = find_layout(name)
    if layout is not None:
        _show_layout(context, layout)
        return
    described = describe_object(context, name, document_type=document_type)
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


def _show_layout(context: CommandContext, layout: "LayoutOfFiles") -> None:
    """The columns of a layout of files."""
    heads = ("column", "required", "field", "also called", "note")
    rows = [
        (column.name, column.required, column.field, ", ".join(column.other_names), column.note)
        for column in layout.columns
    ]
    if context.output.as_json:
        columns = [dict(zip(heads, row, strict=True)) for row in rows]
        context.output.json({"layout": layout.name, "object": layout.object, "columns": columns})
        return
    context.output.table(heads, [(row[0], "yes" if row[1] else "", *row[2:]) for row in rows])
    context.output.say(f"{layout.about} Columns under Intacct's own names are taken too.")
    context.output.say(f"For an empty file: intacct template {layout.name} --out {layout.name}.xlsx")


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
    from intacct_bridge.operations.catalog import list_layouts, template, write_template

    if name is None:
        rows = [(layout.name, layout.object, layout.about) for layout in list_layouts()]
        context.output.table(("layout", "object", "about"), rows)
        return
    if out is None:
        context.output.result(template(name).rstrip("\n"))
        return
    layout = write_template(name, out)
    context.output.say(f"{out} is an empty file of the layout {layout}.")
    context.output.say(f"Fill it in, and check it: intacct load {shlex.quote(str(out))} --as {layout}")


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
