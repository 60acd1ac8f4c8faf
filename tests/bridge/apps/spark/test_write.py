"""Writes of a real Spark: each row is posted once, whatever its tasks do, and what is wrong shows on the driver."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.approval.approvals import approve
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan_file import open_plan
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_emulator.server.gateway import Emulator
from support.apps.spark_jobs import execute, names, staged
from support.small_company import client

pytestmark = [pytest.mark.foreign, pytest.mark.slow]


def frame(spark: Any, rows: int, tasks: int, first: int = 1) -> Any:
    return spark.range(first, first + rows, 1, tasks).selectExpr(
        "concat('S-', id) AS VENDORID",
        "concat('Vendor ', id) AS NAME",
        "named_struct('PRINTAS', 'x') AS DISPLAYCONTACT",
    )


def save(df: Any, given: dict[str, str], mode: str = "append", **more: str) -> None:
    df.write.format("intacct").options(**(given | more)).mode(mode).save()


def expected(rows: int) -> list[str]:
    return sorted(f"S-{one} Vendor {one}" for one in range(1, rows + 1))


@pytest.fixture(params=[2, 8])
def tasks(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


def test_two_and_eight_tasks_post_each_row_once(
    spark: Any, given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace, tasks: int
) -> None:
    df = frame(spark, 50, tasks)
    save(df, given)
    save(df.repartition(3), given)
    assert names(emulator) == expected(50)
    assert staged(postgres_place) == []


def test_what_is_wrong_shows_on_the_driver_with_its_fix_and_no_password(spark: Any, given: dict[str, str]) -> None:
    df = frame(spark, 3, 2)
    mistakes: tuple[tuple[Callable[[], None], str], ...] = (
        (lambda: save(df, given, key=""), "the option `key` is missing"),
        (lambda: save(df, given, outbox="outbox.sqlite3"), 'Fix: set `outbox = "postgresql://..."`'),
        (lambda: save(df, given, mode="overwrite"), "the mode overwrite would replace all records"),
        (lambda: save(df.withColumnRenamed("NAME", "NMAE"), given), "NMAE"),
        (lambda: save(df.selectExpr("*", "cast(1 AS float) AS CREDITLIMIT"), given), "cast it to decimal"),
        (lambda: save(df.selectExpr("*", "'Never' AS TERMNAME"), given), "3 of 3 records refused"),
        (
            lambda: save(df.withColumn("VENDORID", df["VENDORID"].substr(9, 1)), given),
            "3 rows have no value in VENDORID",
        ),
    )
    for wrong, said in mistakes:
        with pytest.raises(Exception) as caught:  # Spark's own kinds differ
            wrong()
        text = str(caught.value)
        assert said in text
        assert "demo-user-password" not in text and "demo-sender-password" not in text


def save_as(source: type, spark: Any, df: Any, given: dict[str, str]) -> None:
    """Write with a source of the test's own, whose tasks do as it says."""
    spark.dataSource.register(source)
    df.write.format(source.name()).options(**given).mode("append").save()  # type: ignore[attr-defined]


@pytest.mark.spark
def test_tasks_that_are_killed_or_run_twice_post_nothing_twice(
    spark: Any, given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace, tmp_path: Path
) -> None:
    from intacct_bridge.apps.spark.source import BatchWriter, IntacctDataSource

    mark = str(tmp_path / "killed")

    class Writer(BatchWriter):
        def write(self, iterator: Any) -> Any:
            import os
            import signal

            batches = list(iterator)
            super().write(iter(batches))  # the rows of an attempt that Spark does not wait for
            staged = super().write(iter(batches))
            try:
                os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return staged
            os.kill(os.getpid(), signal.SIGKILL)  # the rows are staged, and the driver does not hear of it
            return staged

    class Source(IntacctDataSource):
        @classmethod
        def name(cls) -> str:
            return "intacct_killed"

        def writer(self, schema: Any, overwrite: bool) -> Any:
            return Writer(super().writer(schema, overwrite)._write)

    save_as(Source, spark, frame(spark, 100, 8), given)
    assert Path(mark).exists()
    assert names(emulator) == expected(100)
    assert staged(postgres_place) == []


def test_a_job_whose_tasks_fail_leaves_nothing(
    spark: Any, given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace
) -> None:
    from intacct_bridge.apps.spark.source import BatchWriter, IntacctDataSource

    class Writer(BatchWriter):
        def write(self, iterator: Any) -> Any:
            super().write(iterator)
            raise RuntimeError("the disk is full")

    class Source(IntacctDataSource):
        @classmethod
        def name(cls) -> str:
            return "intacct_failing"

        def writer(self, schema: Any, overwrite: bool) -> Any:
            return Writer(super().writer(schema, overwrite)._write)

    with pytest.raises(Exception, match="the disk is full"):
        save_as(Source, spark, frame(spark, 6, 1), given)
    assert names(emulator) == [] and staged(postgres_place) == []


def test_an_unapproved_plan_ends_the_job_and_the_same_batch_applies_it_later(
    spark: Any, given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace, tmp_path: Path
) -> None:
    path = tmp_path / "kept.plan"
    given |= {"approval": "required", "batch": "nightly", "plan": str(path)}
    with pytest.raises(Exception, match="requires an approval") as caught:
        save(frame(spark, 4, 2), given)
    assert f"Fix: intacct plan approve {path}" in str(caught.value) and names(emulator) == []
    with client(emulator, approval="required") as company, Outbox(postgres_place) as outbox:
        approve(open_plan(path), company, outbox, person="ben")
    save(frame(spark, 4, 8), given)
    assert names(emulator) == expected(4)


def test_types_of_spark_arrive_exactly(spark: Any, given: dict[str, str], postgres_place: PostgresPlace) -> None:
    from intacct_bridge.apps.spark.source import BatchWriter, IntacctDataSource
    from intacct_bridge.apps.spark.writer import stream_write

    row = {
        "a_decimal": "cast('12345678901234567890.12' AS decimal(38,2))",
        "a_date": "date'2026-11-02'",
        "a_moment": "timestamp'2026-12-03 04:30:00 UTC'",
        "a_local_time": "timestamp_ntz'2026-12-03 04:30:00.25'",
        "a_text": "'tab\\t \\\\ Größe'",
        "a_null": "cast(NULL AS string)",
        "lines": "array(named_struct('n', 1L, 'x', 2.50BD), named_struct('n', NULL, 'x', 0BD))",
    }
    spark.conf.set("spark.sql.session.timeZone", "America/Los_Angeles")
    try:
        df = spark.range(1).selectExpr("'S-1' AS VENDORID", *(f"{sql} AS {name}" for name, sql in row.items()))

        class Writer(BatchWriter):
            def commit(self, messages: Any) -> None:
                """Leave the rows where they are staged."""

        class Source(IntacctDataSource):
            @classmethod
            def name(cls) -> str:
                return "intacct_staging"

            def writer(self, schema: Any, overwrite: bool) -> Any:
                return Writer(stream_write(self.options, schema.jsonValue(), overwrite=overwrite))

        save_as(Source, spark, df, given | {"batch": "b"})
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    content = execute(postgres_place, "SELECT content FROM staged_row")[0][0]
    assert '"a_decimal":12345678901234567890.12,' in content
    assert json.loads(content) == {
        "VENDORID": "S-1",
        "a_decimal": pytest.approx(12345678901234567890.12),
        "a_date": "2026-11-02",
        "a_moment": "2026-12-02T20:30:00-08:00",
        "a_local_time": "2026-12-03T04:30:00.250000",
        "a_text": "tab\t \\ Größe",
        "lines": [{"n": 1, "x": 2.5}, {"x": 0}],
    }


def test_a_stream_posts_each_micro_batch_once_also_after_a_restart(
    spark: Any, given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    checkpoint = tmp_path / "checkpoint"

    def run() -> None:
        query = (
            spark.readStream.schema(frame(spark, 1, 1).schema)
            .json(str(source))
            .writeStream.format("intacct")
            .options(**(given | {"batch": "invoices"}))
            .option("checkpointLocation", str(checkpoint))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()

    frame(spark, 5, 2).write.mode("append").json(str(source))
    run()
    assert names(emulator) == expected(5)
    for kept in (checkpoint / "commits").glob("*0*"):  # Spark died after our commit, and before its own
        kept.unlink()
    run()
    assert names(emulator) == expected(5)
    frame(spark, 3, 1, first=6).write.mode("append").json(str(source))
    run()
    assert names(emulator) == expected(8)
    assert staged(postgres_place) == []
    assert {row[0] for row in execute(postgres_place, "SELECT name FROM staged_batch")} == {"invoices/0", "invoices/1"}
