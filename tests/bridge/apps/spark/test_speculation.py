"""Speculative execution on a Spark of two machines: a slow task runs twice, stages twice, and is posted once."""

from pathlib import Path

import pytest

from intacct_bridge.shared_state.place import PostgresPlace
from intacct_emulator.server.gateway import Emulator
from support.apps.spark_cluster import SPECULATION, run_driver
from support.apps.spark_jobs import names, staged

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
DRIVER = """
import json, os, sys, time
from pyspark import TaskContext
from pyspark.sql import SparkSession
from intacct_bridge.apps.spark.source import BatchWriter, IntacctDataSource
given, marks = json.load(sys.stdin), sys.argv[1]

class Writer(BatchWriter):
    def write(self, iterator):
        staged = super().write(iterator)
        context = TaskContext.get()
        open(os.path.join(marks, f"{context.partitionId()}-{context.attemptNumber()}"), "w").close()
        if context.partitionId() == 0 and context.attemptNumber() == 0:
            time.sleep(300)
        return staged

class Source(IntacctDataSource):
    @classmethod
    def name(cls):
        return "intacct_slow"

    def writer(self, schema, overwrite):
        return Writer(super().writer(schema, overwrite)._write)

spark = SparkSession.builder.config(map=json.loads(sys.argv[2])).getOrCreate()
spark.dataSource.register(Source)
df = spark.range(1, 41, 1, 4).selectExpr("concat('S-', id) AS VENDORID", "concat('Vendor ', id) AS NAME",
                                         "named_struct('PRINTAS', 'x') AS DISPLAYCONTACT")
df.write.format("intacct_slow").options(**given).mode("append").save()
"""


def test_a_task_that_runs_twice_is_posted_once(
    cluster: tuple[str, dict[str, str]],
    given: dict[str, str],
    emulator: Emulator,
    postgres_place: PostgresPlace,
    tmp_path: Path,
) -> None:
    marks = tmp_path / "marks"
    run_driver(cluster, DRIVER, given, marks, **SPECULATION)
    assert {one.name for one in marks.iterdir()} >= {"0-0", "0-1", "1-0", "2-0", "3-0"}
    assert names(emulator) == sorted(f"S-{one} Vendor {one}" for one in range(1, 41))
    assert staged(postgres_place) == []
