"""The CPU time of loading a record, against the encoding of its function alone."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from intacct_bridge.client.reading.catalog import FinancialSetup
from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.identity import Identifier, content_digest
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import RecordLine, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.functions import Functions
from intacct_protocol.errors import RefusedError
from intacct_protocol.model.catalog import Catalog, ObjectDef, object_def
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.envelope import SUCCESS, Function, Result
from intacct_protocol.xml.reply import BeforeSend, no_callback
from intacct_protocol.xml.values import DEFAULT, Formatting, Value
from intacct_protocol.xml.xml import Element, element, serialize

LIMIT = 3.0
"""The largest allowed CPU time of a record, as a multiple of its encoding."""


class _Meter:
    transactions = 0


class _AcceptingCompany:
    """A company that accepts every record at no cost."""

    def __init__(self) -> None:
        self.connection = Connection(
            company_id="acme", user_id="u", user_password="p", sender_id="s", sender_password="q", concurrency=1
        )
        self.meter = _Meter()

    @property
    def company_time(self) -> datetime:
        return datetime.now(UTC)

    @property
    def financial_setup(self) -> FinancialSetup:
        return FinancialSetup({"baseCurrency": "USD", "multiCurrency": "false"})

    @property
    def formatting(self) -> Formatting:
        return DEFAULT

    def entity(self, _: str, /) -> "_AcceptingCompany":
        return self

    def describe(self, object_name: str, _: str | None = None, /) -> ObjectDef:
        return object_def(object_name, [])

    def inspect(self, object_name: str, /) -> ObjectDef:
        return object_def(object_name, [])

    def describe_many(self, names: Iterable[str], _: dict[str, RefusedError] | None = None, /) -> Catalog:
        return Catalog(map(self.describe, names))

    def inspect_many(self, names: Iterable[str], /) -> None:
        pass

    def read_together(
        self, queries: Sequence[Query], functions: Sequence[Element] = (), /
    ) -> tuple[list[Iterator[Mapping[str, Value]]], tuple[Result, ...]]:
        return [self.query(query) for query in queries], self.call(*functions)

    def query(self, _: Query, /) -> Iterator[Mapping[str, Value]]:
        return iter(())

    def ask(self, function: Element, /) -> Result:
        return Result(SUCCESS, function.tag, "")

    def call(self, *functions: Element, read: bool = False) -> tuple[Result, ...]:
        del read
        return tuple(map(self.ask, functions))

    def submit(
        self, functions: Sequence[Function], /, *, transaction: bool = False, before_send: BeforeSend = no_callback
    ) -> tuple[Result, ...]:
        before_send()
        del transaction
        return tuple(
            Result(SUCCESS, "create", one.control_id, element("data", element("glbatch", element("RECORDNO", str(at)))))
            for at, one in enumerate(functions)
        )


def loading(records: int = 2000) -> tuple[float, float]:
    """CPU seconds for a record: applying it, and encoding its function alone."""
    company, writes = _AcceptingCompany(), list(_writes(records))
    functions = Functions(company)
    started = time.process_time()
    for write in writes:
        serialize(functions.element(write))
    encoding = time.process_time() - started
    with TemporaryDirectory() as folder, Outbox(Path(folder) / "outbox.sqlite3") as outbox:
        started = time.process_time()
        endings = {outcome.status for outcome in Loader(company, outbox).load(writes)}
        applying = time.process_time() - started
    assert endings == {RecordStatus.APPLIED}
    return applying / records, encoding / records


def _writes(records: int) -> Iterator[Write]:
    """Journal entries of six lines."""
    identifier, row = Identifier(), SourceRow("bench.csv", 1, {})
    for number in range(records):
        fields: dict[str, Value] = {
            "JOURNAL": "GJ",
            "BATCH_DATE": date(2026, 11, 30),
            "BATCH_TITLE": f"Entry {number}",
            "REFERENCENO": f"R-{number}",
        }
        lines = {"ENTRIES": tuple(RecordLine("GLENTRY", _line(at), row) for at in range(6))}
        digest = content_digest("GLBATCH", fields, lines)
        identity = identifier.identify("GLBATCH", fields, digest=digest)
        yield Write(WriteOperation.CREATE, "GLBATCH", fields, identity, digest, f"entry {number}", (row,), lines)


def _line(at: int) -> dict[str, Value]:
    return {
        "ACCOUNTNO": "60100",
        "TRX_AMOUNT": Decimal(f"{at}.25"),
        "TR_TYPE": 1 if at % 2 else -1,
        "DEPARTMENT": "100",
        "LOCATION": "100",
        "DESCRIPTION": f"Line {at} of an entry",
    }


def best(rounds: int) -> tuple[float, float]:
    """Both figures of the round with the lowest ratio, because a busy machine slows both."""
    return min((loading() for _ in range(rounds)), key=lambda one: one[0] / one[1])
