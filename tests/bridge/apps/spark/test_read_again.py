"""Reads on a Spark of two machines whose tasks run again: an executor is killed, or a slow task runs twice."""

import json
from pathlib import Path

import pytest

from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.testing import Company
from support.apps.spark_cluster import SPECULATION, run_driver
from support.apps.spark_jobs import outbox_uri
from support.apps.spark_reading import in_library, options_of

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
FIELDS = ("RECORDNO", "ACCOUNTNO", "AMOUNT")
DRIVER = """
import json, os, signal, sys, time
from pathlib import Path
from pyspark import TaskContext
from pyspark.sql import SparkSession
from intacct_bridge.apps.spark.source import IntacctDataSource, IntacctReader
given, marks = json.load(sys.stdin), sys.argv[1]
how = given.pop("how")

def parent(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])

class Reader(IntacctReader):
    def read(self, partition):
        context = TaskContext.get()
        first = context.partitionId() == 0 and context.attemptNumber() == 0
        pages = iter(super().read(partition))
        yield next(pages)
        open(os.path.join(marks, f"{context.partitionId()}-{context.attemptNumber()}"), "w").close()
        if first and how == "killed":
            os.kill(parent(os.getppid()), signal.SIGKILL)
        yield from pages
        if first:
            time.sleep(300)

class Source(IntacctDataSource):
    @classmethod
    def name(cls):
        return "intacct_again"

    def reader(self, schema):
        reader = super().reader(schema)
        return Reader(reader._plan, reader._columns)

spark = SparkSession.builder.config(map=json.loads(sys.argv[2])).getOrCreate()
spark.dataSource.register(Source)
rows = spark.read.format("intacct_again").options(**given).load().collect()
Path(marks, "rows.json").write_text(json.dumps([[one[0], one[1], str(one[2].normalize() + 0)] for one in rows]))
"""


@pytest.mark.parametrize("how", ["killed", "speculation"])
def test_a_read_whose_task_runs_again_gives_each_row_once(
    cluster: tuple[str, dict[str, str]], books: Company, postgres_place: PostgresPlace, tmp_path: Path, how: str
) -> None:
    wanted = sorted([key, account, str(amount)] for key, account, amount in in_library(books, "GLDETAIL", *FIELDS))
    given = options_of(
        books,
        object="GLDETAIL",
        fields=",".join(FIELDS),
        partitions="4",
        concurrency="4",
        outbox=outbox_uri(postgres_place),
    )
    marks = tmp_path / "marks"
    run_driver(cluster, DRIVER, given | {"how": how}, marks, **(SPECULATION if how == "speculation" else {}))
    assert {one.name for one in marks.iterdir()} >= {"0-0", "0-1"}
    assert sorted(json.loads((marks / "rows.json").read_text())) == wanted
    assert books.request_count.most_at_once <= 4
