"""SQL for DuckDB that finds the latest row of every record in a folder of change files. Pure text.

Of a record that came several times the row with the highest `_seq` counts, unless a later marker says that its key, or
what it stood under, is gone. A query names the files of one manifest, so it always shows one consistent copy.
"""

from collections.abc import Sequence

from intacct_bridge.flow.manifest import ROWS, ChangeFile, Entry, Manifest
from intacct_bridge.flow.sink import quoted

SQL_TYPES = {
    "int64": "BIGINT",
    "decimal128(38, 14)": "DECIMAL(38,14)",
    "date32[day]": "DATE",
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
    "bool": "BOOLEAN",
    "string": "VARCHAR",
}
OURS = {"_run": "BIGINT", "_read_at": "TIMESTAMPTZ", "_seq": "BIGINT"}


def views(manifest: Manifest, folder: str = "") -> str:
    """A view of every whole stream; relative paths work where the folder is the current one."""
    lines = [
        "-- The latest row of every record that is not gone, as DuckDB views. In this folder: duckdb -init latest.sql"
    ]
    for name, entry in sorted(manifest.streams.items()):
        if entry.complete:
            lines.append(f"CREATE OR REPLACE VIEW {quoted(name)} AS\n{latest(entry, manifest.format, folder)};")
    return "\n\n".join(lines) + "\n"


def latest(entry: Entry, format_: str, folder: str = "", *, numbered: bool = False) -> str:
    """The query for one stream; `numbered` keeps the numbers by which later rows win."""
    types = {name: SQL_TYPES[arrow] for name, arrow in entry.columns} | OURS
    shown = [(name, sql) for name, sql in types.items() if numbered or name != "_seq"]
    chosen = [f"CAST(r.{quoted(name)} AS {sql}) AS {quoted(name)}" for name, sql in shown]
    rows = [one for one in entry.files if one.kind == ROWS]
    source = _source(rows, format_, folder, types)
    ranked = f"SELECT *, CAST(_seq AS BIGINT) AS _at FROM {source}"
    if not entry.group:
        ranked = (
            f"SELECT * FROM ({ranked}) QUALIFY row_number() OVER (PARTITION BY {quoted(entry.key)} "
            "ORDER BY _at DESC) = 1"
        )
    return "\n".join(
        (
            f"SELECT {', '.join(chosen)}",
            f"FROM ({ranked}) r",
            f"WHERE {' AND '.join(_not_gone(entry, format_, folder, types)) or 'true'}",
        )
    )


def _not_gone(entry: Entry, format_: str, folder: str, types: dict[str, str]) -> list[str]:
    conditions = []
    for field in dict.fromkeys(one.kind for one in entry.files if one.kind != ROWS):
        files = [one for one in entry.files if one.kind == field]
        marked = _source(files, format_, folder, {"value": types[field], "_seq": "BIGINT"})
        gone = (
            f"SELECT CAST(value AS {types[field]}) AS value, max(CAST(_seq AS BIGINT)) AS _seq FROM {marked} GROUP BY 1"
        )
        here = f"CAST(r.{quoted(field)} AS {types[field]})"
        conditions.append(f"NOT EXISTS (SELECT 1 FROM ({gone}) g WHERE g.value = {here} AND g._seq > r._at)")
    return conditions


def _source(files: Sequence[ChangeFile], format_: str, folder: str, types: dict[str, str]) -> str:
    """The files as one table, its cells perhaps still text."""
    paths = ", ".join(_literal(f"{folder}/{one.name}" if folder else one.name) for one in files)
    if format_ == "parquet":
        return f"read_parquet([{paths}], union_by_name = true)"
    columns = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in types)
    if format_ == "csv":
        options = "header = true, all_varchar = true, union_by_name = true, nullstr = '', allow_quoted_nulls = false"
        return f"read_csv([{paths}], {options})"
    return f"read_json([{paths}], format = 'newline_delimited', columns = {{{columns}}})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
