"""The stream of changes on a real Spark: a query that ends and begins again at its checkpoint has each change once."""

from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.testing import Company
from support.apps.spark_reading import options_of

pytestmark = [pytest.mark.foreign, pytest.mark.slow]


@pytest.mark.spark
def test_a_query_that_begins_again_has_every_change_once(spark: Any, books: Company, tmp_path: Path) -> None:
    given = options_of(
        books,
        object="DEPARTMENT",
        fields="RECORDNO,DEPARTMENTID,WHENCREATED",
        watch="departments",
        begin="beginning",
        events_per_batch="5",
        outbox=str(tmp_path / "outbox.sqlite3"),
    )

    def run() -> list[tuple[Any, ...]]:
        stream = spark.readStream.format("intacct").options(**given).load()
        query = (
            stream.writeStream.format("parquet")
            .option("path", str(tmp_path / "table"))
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination(120)
        assert query.exception() is None
        rows = spark.read.parquet(str(tmp_path / "table")).orderBy("_sequence").collect()
        return [(row["_kind"], row["DEPARTMENTID"]) for row in rows]

    with books.client() as client:
        there = [str(row["DEPARTMENTID"]) for row in client.query("DEPARTMENT", "DEPARTMENTID")]
    first = run()
    assert sorted(name for _, name in first) == sorted(there)
    assert run() == first
    with books.client() as client:
        client.create("DEPARTMENT", [{"DEPARTMENTID": "NEW", "TITLE": "New"}])
    assert run() == [*first, ("created", "NEW")]


def test_a_stream_without_the_name_of_its_watch_is_refused(spark: Any, books: Company) -> None:
    with pytest.raises(Exception, match="`watch` is an option of"):
        spark.read.format("intacct").options(**options_of(books, object="DEPARTMENT", watch="w")).load().collect()
    with pytest.raises(Exception, match="the option `watch` is missing"):
        stream = spark.readStream.format("intacct").options(**options_of(books, object="DEPARTMENT")).load()
        query = stream.writeStream.format("noop").start()
        query.awaitTermination(60)
