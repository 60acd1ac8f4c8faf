"""SQL for DuckDB that finds the latest row of every record in a folder of change files. Pure text.

Of several rows of a record the one with the highest `_seq` counts, unless a later marker says that its key, or its
parent, is deleted. A query names the files of one manifest, so it always shows one consistent copy.

A date in a column of times is midnight UTC, as in every other destination. DuckDB would take it for midnight in the
reader's time zone. To avoid that, times in text are read without a zone, which in our files is always UTC, and dates
in Parquet by their distance from 1970.
"""

from collections.abc import Sequence

from intacct_bridge.copies.destinations.manifest import ROWS, ChangeFile, Manifest, ManifestEntry, TextCache
from intacct_protocol.model.sql_text import literal, quoted

TIME = "TIMESTAMPTZ"
SQL_TYPES = {
    "int64": "BIGINT",
    "decimal128(38, 14)": "DECIMAL(38,14)",
    "date32[day]": "DATE",
    "timestamp[us, tz=UTC]": TIME,
    "bool": "BOOLEAN",
    "string": "VARCHAR",
}
_ADDED = {"_run": "BIGINT", "_read_at": TIME, "_seq": "BIGINT"}


def views(manifest: Manifest, folder: str = "", queries: TextCache | None = None) -> str:
    """A view for each complete stream. Relative paths work if the folder is the current directory. `queries` keeps the
    queries of one folder between calls.
    """
    queries = queries or cached_queries(manifest.format, folder)
    lines = ["-- The latest row of every record that is not deleted, as DuckDB views. Here: duckdb -init latest.sql"]
    for name, entry in sorted(manifest.streams.items()):
        if entry.complete:
            lines.append(f"CREATE OR REPLACE VIEW {quoted(name)} AS\n{queries.of(name, entry)};")
    return "\n\n".join(lines) + "\n"


def cached_queries(format_: str, folder: str = "") -> TextCache:
    """The queries of one folder, made again where a stream has other columns or files: most commits of a run without
    changes only advance a bookmark.
    """
    return TextCache(
        lambda entry: latest(entry, format_, folder), lambda entry: (entry.key, entry.group, entry.columns, entry.files)
    )


def latest(entry: ManifestEntry, format_: str, folder: str = "", *, numbered: bool = False) -> str:
    """The query for one stream; `numbered` keeps the column `_seq`."""
    types = {name: SQL_TYPES[arrow] for name, arrow in entry.columns} | _ADDED
    shown = [(name, sql) for name, sql in types.items() if numbered or name != "_seq"]
    columns = [f"{_typed(name, sql, format_)} AS {quoted(name)}" for name, sql in shown]
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
            f"SELECT {', '.join(columns)}",
            f"FROM ({ranked}) r",
            f"WHERE {' AND '.join(_not_deleted(entry, format_, folder, types)) or 'true'}",
        )
    )


def _typed(name: str, sql: str, format_: str) -> str:
    """A cell as its column's type."""
    cell = f"r.{quoted(name)}"
    if sql == TIME and format_ != "parquet":
        return f"timezone('UTC', CAST({cell} AS TIMESTAMP))"
    return f"CAST({cell} AS {sql})"


def _not_deleted(entry: ManifestEntry, format_: str, folder: str, types: dict[str, str]) -> list[str]:
    conditions = []
    for field in dict.fromkeys(one.kind for one in entry.files if one.kind != ROWS):
        files = [one for one in entry.files if one.kind == field]
        marked = _source(files, format_, folder, {"value": types[field], "_seq": "BIGINT"})
        deleted = (
            f"SELECT CAST(value AS {types[field]}) AS value, max(CAST(_seq AS BIGINT)) AS _seq FROM {marked} GROUP BY 1"
        )
        here = f"CAST(r.{quoted(field)} AS {types[field]})"
        conditions.append(f"NOT EXISTS (SELECT 1 FROM ({deleted}) g WHERE g.value = {here} AND g._seq > r._at)")
    return conditions


def _source(files: Sequence[ChangeFile], format_: str, folder: str, types: dict[str, str]) -> str:
    """The files as one table, whose cells may still be text."""
    if format_ == "parquet":
        return _parquet(files, folder, types)
    paths = _paths(files, folder)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in types)
    longest = max((one.longest for one in files), default=0)
    room = 6 * longest + 2**21  # each character may be escaped
    if format_ == "csv":
        # DuckDB looks for the dialect of every file unless it is given, which takes ten times as long as to read it
        options = "header = true, delim = ',', quote = '\"', escape = '\"', all_varchar = true, union_by_name = true"
        options += ", nullstr = '', allow_quoted_nulls = false"
        options += f", max_line_size = {room}, buffer_size = {2 * room}" if longest else ""
        return f"read_csv([{paths}], {options})"
    options = f"format = 'newline_delimited', columns = {{{columns}}}"
    options += f", maximum_object_size = {max(room, 2**24)}" if longest else ""
    return f"read_json([{paths}], {options})"


def _parquet(files: Sequence[ChangeFile], folder: str, types: dict[str, str]) -> str:
    """The files as one table; files that hold dates in the same columns of times are read together."""
    groups: dict[tuple[str, ...], list[ChangeFile]] = {}
    for file in files:
        groups.setdefault(tuple(name for name in file.days if types.get(name) == TIME), []).append(file)
    read = {days: f"read_parquet([{_paths(some, folder)}], union_by_name = true)" for days, some in groups.items()}
    if list(read) == [()]:
        return read[()]
    return f"({' UNION ALL BY NAME '.join(_with_times(source, days) for days, source in read.items())})"


def _with_times(source: str, days: Sequence[str]) -> str:
    """The rows with times in place of dates; columns that the files lack are added."""
    if not days:
        return f"SELECT * FROM {source}"
    times = ", ".join(f"make_timestamptz(epoch_us({quoted(name)})) AS {quoted(name)}" for name in days)
    none = ", ".join(f"CAST(NULL AS DATE) AS {quoted(name)}" for name in days)
    return f"SELECT * REPLACE ({times}) FROM (SELECT * FROM {source} UNION ALL BY NAME SELECT {none} WHERE false)"


def _paths(files: Sequence[ChangeFile], folder: str) -> str:
    return ", ".join(literal(f"{folder}/{one.name}" if folder else one.name) for one in files)
