"""Copies with views, and their raw rows, for the tests of reporting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from intacct_bridge.copies.destinations.postgres import Postgres
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.operations.extract import ExtractRequest, extract
from intacct_emulator.server.gateway import Emulator
from support.small_company import client

STREAMS = (
    *("LOCATIONENTITY", "LOCATION", "DEPARTMENT", "CUSTOMER", "VENDOR", "GLACCOUNT", "STATACCOUNT", "REPORTINGPERIOD"),
    *("TRXCURRENCIES", "EXCHANGERATE", "EXCHANGERATEENTRY", "CHECKINGACCOUNT", "GLBATCH", "GLENTRY", "GLDETAIL"),
    *(
        "GLBUDGETHEADER",
        "GLBUDGETITEM",
        "APBILL",
        "APBILLITEM",
        "APADJUSTMENT",
        "APADJUSTMENTITEM",
        "APPYMT",
        "APPYMTDETAIL",
    ),
    *("ARINVOICE", "ARINVOICEITEM", "ARADJUSTMENT", "ARADJUSTMENTITEM", "ARPYMT", "ARPYMTDETAIL"),
    *("ARADVANCE", "ARADVANCEITEM"),
)
"""The streams that views read."""


@dataclass(frozen=True)
class Copy:
    """A copy in a database."""

    uri: str
    emulator: Emulator

    @classmethod
    def of(cls, emulator: Emulator, uri: str, streams: Sequence[str] = STREAMS) -> "Copy":
        """A copy of a company."""
        made = cls(uri, emulator)
        made.extract(streams)
        return made

    def extract(self, streams: Sequence[str] = STREAMS, options: ExtractOptions | None = None) -> None:
        """Bring the copy up to date; views included."""
        with client(self.emulator, read_formatting=True) as signed_in:
            done = extract(signed_in, ExtractRequest(to=self.uri, streams=streams, options=options))
        assert done.complete, [one for one in done.outcomes if one.error]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query; every number of PostgreSQL is exact."""
        if self.uri.startswith("duckdb"):
            import duckdb

            with duckdb.connect(self.uri.removeprefix("duckdb:"), read_only=True) as con:
                return con.execute(sql).fetchall()
        database = Postgres(self.uri)
        database.connect()
        try:
            return database.execute(sql)
        finally:
            database.close()

    def dicts(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query on DuckDB as dicts."""
        import duckdb

        with duckdb.connect(self.uri.removeprefix("duckdb:"), read_only=True) as con:
            result = con.execute(sql)
            names = [one[0] for one in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def table(self, name: str) -> list[dict[str, Any]]:
        """The raw rows of a table that are not deleted."""
        return self.dicts(f'SELECT * FROM "{name}" WHERE _deleted_at IS NULL')


def duckdb_uri(folder: Path, name: str = "copy") -> str:
    return f"duckdb:{folder / name}.duckdb"


def as_of(text: str) -> datetime:
    return datetime.fromisoformat(text)
