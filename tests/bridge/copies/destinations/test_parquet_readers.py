"""Arrow, DuckDB, polars and Spark find the same types, rows and filtered rows in the Parquet files of a copy.

How a column is encoded depends on its values in the file, and readers skip row groups by their statistics. So columns
are empty, repeat or are all different from file to file, and readers filter by each column.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from intacct_bridge.copies.destinations import files
from intacct_bridge.copies.destinations.open import compact_copy, open_destination
from intacct_bridge.destination_suite import BILLS, NOON, batch, bill
from intacct_bridge.streams.bookmark import Bookmark
from intacct_protocol.xml.values import Kind
from support.apps.spark_session import spark_packages
from support.judges import judge

Row = dict[str, Any]
Filter = tuple[str, str, Any]
ROWS = 1500
"""In each file: more than are looked at for the encoding of a column."""
NOTED = changed(BILLS, fields={**BILLS.fields, "NOTE": Kind.TEXT, "RATE": Kind.DECIMAL})
COLUMNS = tuple(NOTED.fields)
NAMES = {
    "arrow": {
        Kind.INTEGER: "int64", Kind.TEXT: "string", Kind.DECIMAL: "decimal128(38, 14)", Kind.BOOLEAN: "bool",
        Kind.DATE: "date32[day]", Kind.TIMESTAMP: "timestamp[us, tz=UTC]",
    },
    "duckdb": {
        Kind.INTEGER: "BIGINT", Kind.TEXT: "VARCHAR", Kind.DECIMAL: "DECIMAL(38,14)", Kind.BOOLEAN: "BOOLEAN",
        Kind.DATE: "DATE", Kind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    },
    "polars": {
        Kind.INTEGER: "Int64", Kind.TEXT: "String", Kind.DECIMAL: "Decimal(precision=38, scale=14)",
        Kind.BOOLEAN: "Boolean", Kind.DATE: "Date", Kind.TIMESTAMP: "Datetime(time_unit='us', time_zone='UTC')",
    },
    "spark": {
        Kind.INTEGER: "bigint", Kind.TEXT: "string", Kind.DECIMAL: "decimal(38,14)", Kind.BOOLEAN: "boolean",
        Kind.DATE: "date", Kind.TIMESTAMP: "timestamp",
    },
}  # fmt: skip
"""What each reader calls the type of a kind."""
_LONG = "Überweisung, „wie besprochen“ \n\t 🧾 " * 40
_FINE = Decimal("0.00000000000001")
_LARGEST = Decimal("999999999999999999999999.99999999999999")
_HOUR = timedelta(hours=1, microseconds=1)


def first_rows() -> list[Row]:
    """Texts repeat, numbers and times are different, one column is empty."""
    made = [
        bill(number, str(number * _FINE), f"V{number % 9}", WHENMODIFIED=NOON + number * _HOUR)
        for number in range(ROWS)
    ]
    ends: list[Row] = [
        {"TOTALDUE": _LARGEST, "WHENDUE": date(1900, 1, 1), "VENDORID": ""},
        {"TOTALDUE": _LARGEST.copy_negate(), "WHENDUE": date(9999, 12, 31), "ONHOLD": None},
        {"WHENMODIFIED": datetime(1901, 2, 3, 4, 5, 6, 7, UTC)},
    ]
    return [row | end for row, end in zip(made, ends + [{}] * ROWS, strict=False)]


def second_rows() -> list[Row]:
    """Texts are long and different, all else is empty; two columns are new."""
    empty = dict.fromkeys(("TOTALDUE", "ONHOLD", "WHENDUE", "WHENMODIFIED"))
    return [
        bill(number, vendor=f"{number}{_LONG}", NOTE=f"note {number}", RATE=number * _FINE) | empty
        for number in range(ROWS, 2 * ROWS)
    ]


def third_rows() -> list[Row]:
    """The columns that were empty are not, and the others are."""
    return [
        bill(number, "10.00", WHENDUE=date(2020, 1, 1) + timedelta(number), VENDORID=None, NOTE=None, RATE=None)
        | {"DISPLAYCONTACT.EMAIL1": f"{number}@example.com" if number % 3 else None}
        for number in range(2 * ROWS, 3 * ROWS)
    ]


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a copy, and what was written into them."""

    paths: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a reader finds in the files."""

    types: dict[str, str]
    rows: list[Row]
    filtered: list[list[int]]
    """The keys of the rows that each filter lets through."""


FILTERS: list[Filter] = [
    *(("RECORDNO", how, ROWS + 700) for how in ("==", "<", ">")),
    *(("VENDORID", "==", text) for text in ("V3", "", f"{ROWS + 7}{_LONG}", "none of them")),
    *(("VENDORID", "<", f"{ROWS + 7}"), ("VENDORID", ">", "V7"), ("NOTE", ">", "note 29"), ("RATE", ">", 2000 * _FINE)),
    *(("TOTALDUE", how, one) for how in ("==", "<", ">") for one in (700 * _FINE, _LARGEST, Decimal(10))),
    *(("ONHOLD", "==", one) for one in (True, False)),
    *(("WHENDUE", how, one) for how in ("==", "<", ">") for one in (date(2026, 3, 31), date(1900, 1, 1))),
    *(("WHENMODIFIED", how, one) for how in ("==", "<", ">") for one in (NOON, NOON + 1000 * _HOUR)),
    *((name, "null", None) for name in COLUMNS),
]
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda cell, value: cell == value,
    "<": lambda cell, value: cell < value,
    ">": lambda cell, value: cell > value,
}


def passes(row: Row, one: Filter) -> bool:
    name, how, value = one
    cell = row[name]
    return cell is None if how == "null" else cell is not None and bool(COMPARE[how](cell, value))


def plain(cell: Any) -> Any:
    """A cell as JSON can hold it."""
    if isinstance(cell, Decimal):
        return f"{cell:.14f}"
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat()
    return cell.isoformat() if isinstance(cell, date) else cell


def plain_rows(table: pa.Table) -> list[Row]:
    return [{name: plain(cell) for name, cell in row.items()} for row in table.to_pylist()]


@pytest.fixture(scope="module", params=["three files", "compacted"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """Three runs, each with a file of its own, and the same copy after compaction."""
    folder = tmp_path_factory.mktemp("copy")
    uri = f"parquet:{folder}"
    runs = [first_rows(), second_rows(), third_rows()]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "GATHER_ROWS", 500)  # several row groups
        for stream, rows in zip((BILLS, NOTED, NOTED), runs, strict=True):
            with closing(open_destination(uri)) as destination:
                destination.open("demo", NOON)
                known = destination.bookmarks().get("APBILL", Bookmark().begin("03/01/2026 12:00:00", 1, full=True))
                writer = destination.writer(stream, known)
                for place in range(0, ROWS, 250):
                    writer.write(batch(stream, rows[place : place + 250]))
                writer.commit(known.end() if known.in_progress else known, NOON)
    if request.param == "compacted":
        list(compact_copy(uri))
    paths = sorted(map(str, folder.glob("APBILL/*.parquet")))
    assert len(paths) == (1 if request.param == "compacted" else 3)
    yield Written(tuple(paths), tuple({name: row.get(name) for name in COLUMNS} for rows in runs for row in rows))


def assert_read(found: Found, written: Written, reader: str, filters: list[Filter] = FILTERS) -> None:
    assert found.types == {name: NAMES[reader][kind] for name, kind in NOTED.fields.items()}
    expected = plain_rows(pa.Table.from_batches([batch(NOTED, written.rows)]))
    assert sorted(found.rows, key=lambda row: int(row["RECORDNO"])) == expected
    for one, keys in zip(filters, found.filtered, strict=True):
        assert sorted(keys) == [row["RECORDNO"] for row in written.rows if passes(row, one)], one


def test_arrow_reads_the_copy(written: Written) -> None:
    schema = pa.unify_schemas([pq.read_schema(path) for path in written.paths])
    rows = ds.dataset(list(written.paths), schema=schema)

    def keys(one: Filter) -> list[int]:
        name, how, value = one
        field = pc.field(name)
        chosen = field.is_null() if how == "null" else COMPARE[how](field, pa.scalar(value, schema.field(name).type))
        return rows.to_table(columns=["RECORDNO"], filter=chosen).column(0).to_pylist()  # type: ignore[no-any-return]

    table = rows.to_table(columns=list(COLUMNS))
    types = {one.name: str(one.type) for one in table.schema}
    assert_read(Found(types, plain_rows(table), list(map(keys, FILTERS))), written, "arrow")


def test_duckdb_reads_the_copy(written: Written) -> None:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        con.execute(
            f"CREATE VIEW bills AS SELECT {names} FROM read_parquet({list(written.paths)}, union_by_name = true)"
        )

        def keys(one: Filter) -> list[int]:
            name, how, value = one
            chosen = f'"{name}" IS NULL' if how == "null" else f'"{name}" {how} ?'
            values = [] if how == "null" else [value]
            return [key for (key,) in con.execute(f"SELECT RECORDNO FROM bills WHERE {chosen}", values).fetchall()]

        table = con.sql("FROM bills")
        types = dict(zip(table.columns, map(str, table.types), strict=True))
        found = Found(types, plain_rows(table.to_arrow_table()), list(map(keys, FILTERS)))
    assert_read(found, written, "duckdb")


READ = """
import datetime, json, os, sys
from datetime import date
from decimal import Decimal
given = json.load(sys.stdin)
filters = [(name, how, eval(value)) for name, how, value in given["filters"]]
names = given["columns"]

def plain(cell):
    if isinstance(cell, Decimal):
        return f"{cell:.14f}"
    if isinstance(cell, datetime.datetime):
        return cell.astimezone(datetime.timezone.utc).isoformat()
    return cell.isoformat() if isinstance(cell, date) else cell

def chosen(column, one):
    name, how, value = one
    if how == "null":
        return is_null(column(name))
    return {"==": column(name) == value, "<": column(name) < value, ">": column(name) > value}[how]
"""
POLARS = """
import polars as pl
is_null = lambda column: column.is_null()
bills = pl.concat([pl.scan_parquet(path) for path in given["paths"]], how="diagonal").select(names)
table = bills.collect()
types = {name: str(of) for name, of in table.schema.items()}
column = lambda name: pl.col(name)
filters = [(name, how, pl.lit(value, dtype=table.schema[name])) for name, how, value in filters]
found = [bills.filter(chosen(column, one)).collect()["RECORDNO"].to_list() for one in filters]
rows = [{name: plain(cell) for name, cell in row.items()} for row in table.to_dicts()]
"""
SPARK = """
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
os.environ["TZ"] = "UTC"
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config(
    "spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").config(
    "spark.sql.session.timeZone", "UTC").config("spark.sql.warehouse.dir", os.getcwd()).getOrCreate()
is_null = lambda column: column.isNull()
quoted = lambda name: F.col(f"`{name}`")
bills = spark.read.option("mergeSchema", "true").parquet(*given["paths"]).select(*map(quoted, names))
types = dict(bills.dtypes)
found = [[row[0] for row in bills.filter(chosen(quoted, one)).select("RECORDNO").collect()] for one in filters]
rows = [{name: plain(cell) for name, cell in row.asDict().items()} for row in bills.collect()]
spark.stop()
"""
TELL = """
json.dump({"types": types, "rows": rows, "filtered": found}, open("found.json", "w"))
"""


def found_by(python: Path, code: str, written: Written, place: Path, filters: list[Filter] = FILTERS) -> Found:
    """What a program of another environment finds."""
    texts = [(name, how, repr(value)) for name, how, value in filters]
    given = json.dumps({"paths": written.paths, "filters": texts, "columns": COLUMNS})
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {"TZ": "UTC"}
    ran = subprocess.run(
        [python, "-c", READ + code + TELL], input=given, cwd=place, env=environ, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    return Found(**json.loads((place / "found.json").read_text()))


@pytest.mark.foreign
def test_polars_reads_the_copy(written: Written, tmp_path: Path) -> None:
    assert_read(found_by(judge("polars") / "python", POLARS, written, tmp_path), written, "polars")


@pytest.mark.foreign
@pytest.mark.spark
@pytest.mark.slow
def test_spark_reads_the_copy(written: Written, tmp_path: Path) -> None:
    spark_packages()
    some = FILTERS[::3]  # each takes a second
    assert_read(found_by(judge("pyspark") / "python", SPARK, written, tmp_path, some), written, "spark", some)
