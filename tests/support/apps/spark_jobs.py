"""Writes of DataFrames without Spark: its tasks, the commit and the abort, as Spark calls them."""

import pickle
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from intacct_bridge.apps.spark.batch_commit import CommitResult, TaskReport
from intacct_bridge.apps.spark.staging import Staging
from intacct_bridge.apps.spark.writer import StagedWrite, batch_write, stream_write
from intacct_bridge.machine.secret import unwrapped
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres_link import open_link
from intacct_emulator.server.gateway import Emulator
from support.small_company import client, connection

CONTACT = pa.struct([("PRINTAS", pa.string())])
VENDOR_SCHEMA = pa.schema([("VENDORID", pa.string()), ("NAME", pa.string()), ("DISPLAYCONTACT", CONTACT)])
_NAMES = {"string": "string", "double": "double", "date32[day]": "date", "int64": "long", "bool": "boolean"}


def outbox_uri(place: PostgresPlace) -> str:
    return f"{place.uri}{'&' if '?' in place.uri else '?'}schema={place.schema}"


def settings(url: str, place: PostgresPlace) -> dict[str, str]:
    """The options that reach an emulated company."""
    made = connection(url)
    names = ("company_id", "user_id", "user_password", "sender_id", "sender_password", "environment", "endpoint")
    return {name: str(unwrapped(getattr(made, name))) for name in names} | {"outbox": outbox_uri(place)}


def spark_schema(schema: pa.Schema) -> dict[str, Any]:
    """A schema as Spark's `jsonValue()` gives it."""
    return {"type": "struct", "fields": [{"name": one.name, "type": _spark_type(one.type)} for one in schema]}


def _spark_type(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return {"type": "array", "elementType": _spark_type(kind.value_type)}
    if pa.types.is_struct(kind):
        return spark_schema(pa.schema(list(kind)))
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz else "timestamp_ntz"
    return _NAMES[str(kind)]


def vendors(*numbers: int, name: str = "Vendor") -> list[dict[str, Any]]:
    contact = {"DISPLAYCONTACT": {"PRINTAS": name}}
    return [{"VENDORID": f"S-{one}", "NAME": f"{name} {one}", **contact} for one in numbers]


@dataclass
class Job:
    """One job of a driver."""

    given: Mapping[str, str]
    schema: pa.Schema = VENDOR_SCHEMA
    stream: bool = False
    write: StagedWrite = field(init=False)

    def __post_init__(self) -> None:
        make = stream_write if self.stream else batch_write
        self.write = make(self.given, spark_schema(self.schema), overwrite=False)

    def task(self, rows: Sequence[Mapping[str, Any]], partition: int = 0) -> TaskReport:
        """One task attempt, on another machine."""
        there: StagedWrite = pickle.loads(pickle.dumps(self.write))
        batches = pa.Table.from_pylist([dict(row) for row in rows], schema=self.schema).to_batches(max_chunksize=3)
        report: TaskReport = pickle.loads(pickle.dumps(there.stage(batches, partition)))
        return report

    def commit(self, *reports: TaskReport | None, number: int | None = None) -> CommitResult:
        there: StagedWrite = pickle.loads(pickle.dumps(self.write))
        return there.commit(reports, number)


def staged(place: PostgresPlace) -> list[tuple[str, int]]:
    """The attempts whose rows are there, each with their number."""
    with Staging(place), closing(open_link(place)) as link:
        rows = link.execute_simple(
            f'SELECT attempt, count(*) FROM "{place.schema}".staged_row GROUP BY attempt ORDER BY attempt'
        ).rows
    return [(str(attempt), int(count)) for attempt, count in rows]


def execute(place: PostgresPlace, sql: str) -> list[list[Any]]:
    """The rows of one statement of a stranger to the staged rows."""
    with closing(open_link(place)) as link:
        link.execute_simple(f'SET search_path TO "{place.schema}"')
        return [list(row) for row in link.execute_simple(sql).rows or ()]


def names(emulator: Emulator, prefix: str = "S-") -> list[str]:
    """The vendors of the company that jobs made."""
    with client(emulator) as company:
        rows = company.query("VENDOR", ["VENDORID", "NAME"])
        return sorted(f"{row['VENDORID']} {row['NAME']}" for row in rows if str(row["VENDORID"]).startswith(prefix))


ENTRY_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("journal", "title", "reference", "account", "location", "department")]
    + [("date", pa.date32()), ("debit", pa.decimal128(18, 2)), ("credit", pa.decimal128(18, 2))]
)


def entry_lines(count: int, first: int = 1) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The debit lines and the credit lines of journal entries, which a company would take twice."""
    debits, credits = [], []
    for number in range(first, first + count):
        line = {"journal": "GJ", "date": date(2026, 11, 30), "title": "Accrual", "reference": f"S-{number:03}"}
        line |= {"location": "100", "department": "100"}
        debits.append({**line, "account": "60100", "debit": Decimal(number).scaleb(-2)})
        credits.append({**line, "account": "20100", "credit": Decimal(number).scaleb(-2)})
    return debits, credits


def entries(emulator: Emulator) -> list[str]:
    """The references of the journal entries that jobs posted, one for each entry."""
    with client(emulator) as company:
        rows = company.query("GLBATCH", ["REFERENCENO"])
        return sorted(str(row["REFERENCENO"]) for row in rows if str(row["REFERENCENO"]).startswith("S-"))


def let_hours_pass(place: PostgresPlace) -> None:
    """What an ended driver has sent was sent long ago, so that another one may settle it, and its slots are free."""
    sent = "UPDATE entry SET sent_at = '2020-01-01T00:00:00+00:00', last_sent_at = '2020-01-01T00:00:00+00:00'"
    for statement in (sent, "DELETE FROM slot"):
        execute(place, f"DO $$ BEGIN {statement}; EXCEPTION WHEN undefined_table THEN NULL; END $$")
