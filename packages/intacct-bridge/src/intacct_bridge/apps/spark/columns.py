"""Columns as Spark sees them: the schema that follows from the fields, and the cast of a page to a schema.

Schemas are in Spark's own JSON form here, so that this module needs no Spark.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.spark.options import ReadOptions
from intacct_bridge.operations.partitioned_read import CompanyStream, StreamField
from intacct_protocol.errors import InvalidRequestError, RecordError, SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.values import NUMBERS, PRECISION, SCALE, Kind

if TYPE_CHECKING:
    import pyarrow as pa

COMPANY = "_company"
_EXACT = f"decimal({PRECISION},{SCALE})"
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_WHOLE = ("long", "integer")
_SIMPLE: Mapping[Kind, str] = {
    Kind.INTEGER: "long",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp",
    Kind.BOOLEAN: "boolean",
}


@dataclass(frozen=True, slots=True)
class SparkColumn:
    """One column of the result."""

    name: str
    """Its name in Spark."""
    field: str
    """The field of the object; empty for a column of ours."""
    kind: Kind
    type: str
    """Its type in Spark's JSON form, such as `decimal(38,14)`."""
    nullable: bool = True
    comment: str = ""

    @property
    def json(self) -> dict[str, Any]:
        """The field of a `StructType`."""
        metadata = {"comment": self.comment} if self.comment else {}
        return {"name": self.name, "type": self.type, "nullable": self.nullable, "metadata": metadata}


def spark_type(kind: Kind) -> str:
    """The type of a field of this kind. Times are moments (`timestamp`), which Spark shows in the session's zone."""
    return _EXACT if kind in NUMBERS else _SIMPLE.get(kind, "string")


def schema_json(columns: Iterable[SparkColumn]) -> dict[str, Any]:
    """A `StructType` in its JSON form."""
    return {"type": "struct", "fields": [one.json for one in columns]}


COMPANY_COLUMN = SparkColumn(COMPANY, "", Kind.TEXT, "string", nullable=False, comment="The company")


def columns_of(fields: Iterable[StreamField]) -> tuple[SparkColumn, ...]:
    """The columns of a stream's fields."""
    return tuple(
        SparkColumn(
            field.column,
            field.name,
            field.kind,
            spark_type(field.kind),
            nullable=not field.is_key,
            comment=field.label,
        )
        for field in fields
    )


def all_columns(streams: Sequence[CompanyStream], options: ReadOptions) -> tuple[SparkColumn, ...]:
    """The columns of a read; with several companies, the first one names the company."""
    columns = merged({company.company: columns_of(company.fields(options.fields)) for company in streams})
    return (COMPANY_COLUMN, *columns) if options.several else columns


def merged(companies: Mapping[str, Sequence[SparkColumn]]) -> tuple[SparkColumn, ...]:
    """The columns of all companies, by company. InvalidRequestError if a field has a different type in one of them.

    A field that a company lacks is null in its rows.
    """
    merged: dict[str, SparkColumn] = {}
    source: dict[str, str] = {}
    for company, columns in companies.items():
        for column in columns:
            earlier = merged.get(column.name)
            if earlier is not None and earlier.type != column.type:
                raise InvalidRequestError(
                    f"{column.name} is {earlier.type} in company {source[column.name]} "
                    f"and {column.type} in company {company}",
                    fix="name the fields to read with `fields`, without this one, or read the companies apart",
                )
            merged.setdefault(column.name, column)
            source.setdefault(column.name, company)
    everywhere = set.intersection(*({column.name for column in columns} for columns in companies.values()))
    return tuple(column if column.name in everywhere else replace(column, nullable=True) for column in merged.values())


# --- a schema that the user gives


def given_columns(schema: Mapping[str, Any], of_object: Sequence[SparkColumn]) -> tuple[SparkColumn, ...]:
    """The columns of a schema that the user gives. Errors name the column that the object lacks or cannot give so."""
    by_name = {one.name.upper(): one for one in of_object}
    columns = []
    for described in schema["fields"]:
        name = str(described["name"])
        column = by_name.get(name.upper())
        if column is None:
            raise InvalidRequestError(
                f"the schema has a column {name}, which the object does not have"
                f"{did_you_mean(name.upper(), [one.name for one in of_object])}",
                fix="leave the schema out to see which columns there are",
            )
        kind = described["type"] if isinstance(described["type"], str) else str(described["type"].get("type"))
        if not _can_be(column.kind, kind):
            raise SettingsError(
                f"the schema has {kind} for {column.name}, whose type is {column.type}{_why(column.kind, kind)}",
                fix=f"write {name} {_ddl(column.type)}, or leave the schema out",
            )
        columns.append(replace(column, name=name, type=kind, nullable=bool(described.get("nullable", True))))
    return tuple(columns)


def _can_be(kind: Kind, type_name: str) -> bool:
    if type_name == spark_type(kind):
        return True
    if kind is Kind.INTEGER or kind in NUMBERS:
        return bool(_DECIMAL.fullmatch(type_name)) or (kind is Kind.INTEGER and type_name in _WHOLE)
    return False


def _why(kind: Kind, type_name: str) -> str:
    return (
        ": a binary fraction cannot hold an amount exactly"
        if kind in NUMBERS and type_name in ("double", "float")
        else ""
    )


def _ddl(kind: str) -> str:
    return {"long": "BIGINT"}.get(kind, kind.upper())


# --- pages in a schema


def arrow_schema(columns: Iterable[SparkColumn]) -> "pa.Schema":
    """The schema of the batches that Spark takes for these columns."""
    import pyarrow as pa

    return pa.schema([pa.field(one.name, arrow_type(one.type), one.nullable) for one in columns])


def arrow_type(kind: str) -> "pa.DataType":
    """The type of a column's batches, from its type in Spark's JSON form."""
    import pyarrow as pa

    decimal = _DECIMAL.fullmatch(kind)
    if decimal:
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    simple = {
        "long": pa.int64(),
        "integer": pa.int32(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", "UTC"),
        "boolean": pa.bool_(),
        "string": pa.string(),
    }
    return simple[kind]


def shaped(rows: "pa.RecordBatch", columns: Sequence[SparkColumn], company: str, source: str) -> "pa.RecordBatch":
    """A page in the columns that Spark expects. `source` names the object in errors.

    RecordError if a value does not fit its column: it is never rounded.
    """
    import pyarrow as pa

    arrays = []
    for column in columns:
        if not column.field:
            arrays.append(pa.repeat(company, rows.num_rows))
        elif column.field in rows.schema.names:
            arrays.append(_cast(rows.column(column.field), column, source))
        else:
            arrays.append(pa.nulls(rows.num_rows, arrow_type(column.type)))
        if not column.nullable and arrays[-1].null_count:
            raise RecordError(
                f"{source}: {column.name} is empty in a row, and the schema does not allow nulls in it",
                fix="let the schema allow nulls in this column",
            )
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(columns))


def shaped_pages(
    pages: "Iterable[pa.RecordBatch]", columns: Sequence[SparkColumn], company: CompanyStream
) -> "Iterator[pa.RecordBatch]":
    """The pages of a company in the columns that Spark expects, without empty ones."""
    return (shaped(rows, columns, company.company, company.name) for rows in pages if rows.num_rows)


def _cast(values: "pa.Array", column: SparkColumn, source: str) -> "pa.Array":
    import pyarrow as pa

    type_of_column = arrow_type(column.type)
    if values.type == type_of_column:
        return values
    try:
        return values.cast(type_of_column)
    except pa.ArrowInvalid:
        raise RecordError(
            f"{source}: a value of {column.name} does not fit {column.type}",
            fix=f'give a schema that holds it: .schema("{column.name} {_ddl(_EXACT)}, ...")',
        ) from None
