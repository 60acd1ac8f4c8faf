"""The Spark source on a real Spark: the same rows as the library reads, for any number of tasks and companies."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pytest

from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.testing import Company

pytestmark = [pytest.mark.foreign, pytest.mark.slow]


@pytest.fixture
def company(grown: Emulator) -> Iterator[Company]:
    made = Company(grown)
    yield made
    made.close()


def options_of(company: Company, **more: str) -> dict[str, str]:
    """The options that reach a company over HTTP."""
    return {**company.credentials, "endpoint": company.url, "environment": "demo", **more}


def read(spark: Any, company: Company, **options: str) -> Any:
    return spark.read.format("intacct").options(**options_of(company, **options)).load()


def wanted(company: Company, name: str, *fields: str) -> list[tuple[Any, ...]]:
    with company.client() as client:
        rows = client.query(name, fields, show_private=True)
        return sorted(tuple(row[one] for one in fields) for row in rows)


def plain(rows: list[Any]) -> list[tuple[Any, ...]]:
    return sorted(tuple(one.astimezone(UTC) if hasattr(one, "astimezone") else one for one in row) for row in rows)


def test_spark_finds_the_format_by_itself_and_reads_what_the_library_reads(spark: Any, company: Company) -> None:
    fields = ("RECORDNO", "VENDORID", "TOTALENTERED", "WHENDUE", "AUWHENCREATED")
    df = read(spark, company, object="APBILL", fields=",".join(fields))
    assert df.dtypes == [
        ("RECORDNO", "bigint"),
        ("VENDORID", "string"),
        ("TOTALENTERED", "decimal(38,14)"),
        ("WHENDUE", "date"),
        ("AUWHENCREATED", "timestamp"),
    ]
    assert plain(df.collect()) == wanted(company, "APBILL", *fields)
