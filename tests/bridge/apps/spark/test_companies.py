"""One company and fifty, with two and eight tasks: the rows of `intacct extract`, and no company's limit is passed."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.testing import Company
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from support.apps.spark_jobs import outbox_uri
from support.apps.spark_reading import in_order, read

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
LEDGER = ("RECORDNO", "BATCHKEY", "ACCOUNTNO", "AMOUNT", "TR_TYPE")
FIELDS = {
    "APBILL": ("RECORDNO", "VENDORID", "TOTALENTERED", "DESCRIPTION"),
    "GLENTRY": ("RECORDNO", "ACCOUNTNO", "AMOUNT"),
}

SLOW = EmulatorSettings(behaviour=Behaviour(latency_ms=100))
"""Requests take so long that those of several tasks overlap."""


def extracted(company: Company, name: str, fields: tuple[str, ...], folder: Path) -> list[tuple[Any, ...]]:
    """The rows of `intacct extract`."""
    with company.client() as client, closing(open_destination(f"parquet:{folder}")) as destination:
        for _ in prepare(client, ReadRequest((name,), {name: fields})).into(destination):
            pass
    rows = [row for file in (folder / name).glob("*-rows.parquet") for row in pq.read_table(file).to_pylist()]
    return in_order(tuple(row[one] for one in fields) for row in rows)


@pytest.fixture
def ledger(two_years: Emulator) -> Iterator[Company]:
    """A company whose general ledger is many pages long."""
    made = Company(two_years.clone(settings=SLOW))
    yield made
    made.close()


@pytest.mark.parametrize("limit", [2, 3])
def test_any_number_of_tasks_of_one_company_reads_what_extract_reads(
    spark: Any, ledger: Company, postgres_place: PostgresPlace, tmp_path: Path, limit: int
) -> None:
    wanted = extracted(ledger, "GLDETAIL", LEDGER, tmp_path / "copy")
    for tasks in (2, 8):
        df = read(
            spark,
            ledger,
            object="GLDETAIL",
            fields=",".join(LEDGER),
            partitions=str(tasks),
            concurrency=str(limit),
            outbox=outbox_uri(postgres_place),
        )
        assert df.rdd.getNumPartitions() == tasks
        assert in_order(df.collect()) == wanted
    assert ledger.request_count.most_at_once == limit


@pytest.fixture
def fifty(grown: Emulator) -> Iterator[tuple[Company, ...]]:
    """Companies with the same records, but for bills that some of them have changed."""
    model = Company(grown.clone(settings=SLOW))
    made = model.share(50)
    for one in made[::10]:
        with one.client() as client:
            key = next(iter(client.query("APBILL", ["RECORDNO"])))["RECORDNO"]
            client.update("APBILL", [{"RECORDNO": key, "DESCRIPTION": f"Changed by {one.company_id}"}])
    yield made
    model.close()


@pytest.mark.parametrize(("tasks", "name"), [(2, "APBILL"), (8, "APBILL"), (8, "GLENTRY")])
def test_any_number_of_tasks_of_fifty_companies_reads_what_extract_reads(
    spark: Any,
    fifty: tuple[Company, ...],
    schemas: Iterator[PostgresPlace],
    spark_home: Path,
    tmp_path: Path,
    tasks: int,
    name: str,
) -> None:
    places = list(islice(schemas, len(fifty)))
    file = spark_home / "config" / "intacct-bridge" / "intacct.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    settings = (
        {"endpoint": one.url, "environment": "demo", "outbox": outbox_uri(place), **one.credentials}
        for one, place in zip(fifty, places, strict=True)
    )
    tables = (
        f"[connections.{one.company_id}]\nconcurrency = 1\n"
        + "".join(f'{key} = "{value}"\n' for key, value in of.items())
        for one, of in zip(fifty, settings, strict=True)
    )
    file.write_text("\n".join(tables))
    file.chmod(0o600)
    names, fields = ",".join(one.company_id for one in fifty), FIELDS[name]
    given = {"connections": names, "object": name, "fields": ",".join(fields), "partitions": "8"}
    df = spark.read.format("intacct").options(**given).load()
    assert df.rdd.getNumPartitions() == len(fifty) * (2 if name == "GLENTRY" else 1)
    rows = in_order((df if tasks == 8 else df.coalesce(tasks)).collect())  # the session has eight tasks at a time
    of = {one.company_id: extracted(one, name, fields, tmp_path / one.company_id) for one in fifty[::10]}
    of["others"] = extracted(fifty[1], name, fields, tmp_path / "others")
    wanted = [(one.company_id, *row) for one in fifty for row in of.get(one.company_id, of["others"])]
    assert rows == in_order(wanted)
    assert {one.request_count.most_at_once for one in fifty} == {1}
