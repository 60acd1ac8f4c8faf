"""The views as a dbt package: a model for each view, a macro for each function, the tables of the copy as sources.

A macro gives a query in brackets, so that a model selects from it:

    select * from {{ intacct_reporting.ap_ageing("date '2026-11-30'") }}
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from intacct_bridge import __version__
from intacct_bridge.copies.views.definitions import Parameter, ViewDefinition, view_definitions
from intacct_bridge.copies.views.dialects import Dialect
from intacct_bridge.copies.views.rendering import CopyShape, lacking_views, view_sql
from intacct_protocol.errors import SettingsError

PACKAGE = "intacct_reporting"
MARK = "dbt_project.yml"
"""The file by which a package that we wrote is known."""
_USES = re.compile(r"\bdbt_view\.([a-z_]+)(?=\()|\bdbt_view\.([a-z_]+)")
_SOURCE = re.compile(r'\bdbt_(source|bridge)\."?([A-Za-z_0-9]+)"?')


def dbt_package(dialect: Dialect, shape: CopyShape) -> dict[str, str]:
    """The files of a package for a copy, by their paths in it."""
    plain = replace(shape, schema="dbt_source", bridge="dbt_bridge", reporting="dbt_view")
    skipped = {one.name for one in lacking_views(shape)}
    views = [one for one in view_definitions().values() if one.name not in skipped]
    files = {MARK: _project(), "models/intacct/sources.yml": _sources(shape, views)}
    files["models/intacct/schema.yml"] = "".join(_schema([one for one in views if not one.is_function]))
    for view in views:
        sql = _with_references(view_sql(view, dialect, plain))
        head = "".join(f"-- {line}\n" for line in (view.comment.splitlines() or [""]))
        if view.is_function:
            parameters = ", ".join(_parameter(dialect, one) for one in view.parameters)
            macro = f"{{% macro {view.name}({parameters}) %}}(\n{_as_macro(view, dialect, sql)}\n){{% endmacro %}}\n"
            files[f"macros/{view.name}.sql"] = f"{{#\n{view.comment}\n#}}\n{macro}"
        else:
            files[f"models/intacct/{view.name}.sql"] = f"{head}{sql}\n"
    return files


def write_package(files: Mapping[str, str], directory: Path) -> None:
    """Write the files. SettingsError for a directory with other things in it."""
    there = directory.exists() and any(directory.iterdir())
    mark = directory / MARK
    if there and not (mark.is_file() and f"name: {PACKAGE}\n" in mark.read_text(encoding="utf-8")):
        raise SettingsError(
            f"{directory} is not empty, and holds no package that this command wrote", fix="Name a new directory."
        )
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _project() -> str:
    return (
        f"name: {PACKAGE}\nversion: '{__version__.partition('+')[0]}'\nconfig-version: 2\n"
        "require-dbt-version: '>=1.5.0'\nmodel-paths: [models]\nmacro-paths: [macros]\n"
        f"models:\n  {PACKAGE}:\n    +materialized: view\n"
        "vars:\n  intacct_schema: ''\n  intacct_bridge_schema: ''\n"
    )


def _sources(shape: CopyShape, views: list[ViewDefinition]) -> str:
    """The tables that the models read, in the schemas of the copy unless variables name others."""
    tables = sorted({one.object for view in views for one in view.tables if one.object in shape.tables})
    listed = "".join(f"      - name: {one}\n        quoting: {{identifier: true}}\n" for one in tables)
    schema, bridge = shape.schema.strip('"'), shape.bridge.strip('"')
    return (
        "version: 2\nsources:\n"
        f"  - name: intacct\n    schema: \"{{{{ var('intacct_schema', '') or '{schema}' }}}}\"\n    tables:\n{listed}"
        f"  - name: intacct_bridge\n    schema: \"{{{{ var('intacct_bridge_schema', '') or '{bridge}' }}}}\"\n"
        "    tables:\n      - name: settings\n"
    )


def _schema(views: list[ViewDefinition]) -> Iterator[str]:
    yield "version: 2\nmodels:\n"
    for view in views:
        yield f"  - name: {view.name}\n    description: {_text(view.comment)}\n    columns:\n"
        for column in view.columns:
            yield f"      - name: {column.name}\n        description: {_text(column.meaning)}\n"


def _text(text: str) -> str:
    """A text for YAML."""
    return "'" + text.replace("'", "''").replace("\n", " ") + "'"


def _with_references(sql: str) -> str:
    """SQL with dbt's references in place of the names of views and tables."""

    def view(match: re.Match[str]) -> str:
        return f"{{{{ dbt_call_{match[1]} }}}}" if match[1] else f"{{{{ ref('{match[2]}') }}}}"

    def source(match: re.Match[str]) -> str:
        name = "intacct" if match[1] == "source" else "intacct_bridge"
        return f"{{{{ source('{name}', '{match[2]}') }}}}"

    return _SOURCE.sub(source, _USES.sub(view, sql))


def _as_macro(view: ViewDefinition, dialect: Dialect, sql: str) -> str:
    """The body of a function with the macro's parameters, and calls of other functions as calls of their macros.

    These name the package, since dbt looks for other names in the project that uses it.
    """
    for place, parameter in reversed(list(enumerate(view.parameters, 1))):
        written = dialect.parameter(parameter, place)
        sql = re.sub(rf"{re.escape(written)}(?![\w])", f"{{{{ {parameter.name} }}}}", sql)
    call = re.compile(r"\{\{ dbt_call_(\w+) \}\}\(([^()]*)\)")

    def called(match: re.Match[str]) -> str:
        return f"{{{{ {PACKAGE}.{match[1]}({match[2].replace('{{ ', '').replace(' }}', '')}) }}}}"

    return call.sub(called, sql)


def _parameter(dialect: Dialect, parameter: Parameter) -> str:
    default = dialect.default(parameter)
    return parameter.name + (f'="{default}"' if parameter.default else "")
