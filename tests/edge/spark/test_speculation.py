"""Speculative execution on a Spark of two machines: a slow task runs twice, stages twice, and is posted once.

Spark runs a task again on another host only, so the machines are two addresses of this one.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.store.place import PostgresPlace
from support.edge.spark_jobs import names, staged
from support.spark_session import ROOT, spark_packages

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
DRIVER = """
import json, os, sys, time
from pyspark import TaskContext
from pyspark.sql import SparkSession
from intacct_bridge.edge.spark.source import BatchWriter, IntacctDataSource
given, marks = json.load(sys.stdin), sys.argv[2]

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

settings = {
    "spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "512m", "spark.executor.cores": "2", "spark.speculation": "true",
    "spark.speculation.interval": "200ms", "spark.speculation.multiplier": "1.1", "spark.speculation.quantile": "0.25",
    "spark.speculation.minTaskRuntime": "200ms",
}
builder = SparkSession.builder.master(sys.argv[1]).appName("speculation")
for name, value in settings.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.dataSource.register(Source)
df = spark.range(1, 41, 1, 4).selectExpr("concat('S-', id) AS VENDORID", "concat('Vendor ', id) AS NAME",
                                         "named_struct('PRINTAS', 'x') AS DISPLAYCONTACT")
df.write.format("intacct_slow").options(**given).mode("append").save()
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a Spark with two workers, and the environment of its programs."""
    packages = spark_packages()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", packages))),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_DIRS": str(tmp_path / "local"),
        "SPARK_WORKER_DIR": str(tmp_path / "workers"),
        "SPARK_HOME": str(packages / "pyspark"),
        "SPARK_DAEMON_MEMORY": "256m",
    }
    start = [str(packages / "pyspark" / "bin" / "spark-class"), "org.apache.spark.deploy"]

    with ExitStack() as ended, (tmp_path / "cluster.log").open("w") as log:

        def begin(kind: str, host: str, *words: str) -> None:
            command = [start[0], f"{start[1]}.{kind}", "--host", host, *words]
            run = subprocess.Popen(command, env=environment | {"SPARK_LOCAL_IP": host}, stdout=log, stderr=log)
            ended.callback(run.wait)
            ended.callback(run.terminate)

        port, page = free_port(), free_port()
        begin("master.Master", "127.0.0.1", "--port", str(port), "--webui-port", str(page))
        master = f"spark://127.0.0.1:{port}"
        for host in ("127.0.0.2", "127.0.0.3"):
            begin("worker.Worker", host, "--webui-port", str(free_port()), "--cores", "2", "--memory", "512m", master)
        await_workers(f"http://127.0.0.1:{page}/json/", 2)
        yield master, environment | {"SPARK_LOCAL_IP": "127.0.0.1"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def await_workers(url: str, count: int) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if json.load(answer)["aliveworkers"] >= count:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError("the workers do not start")


def test_a_task_that_runs_twice_is_posted_once(
    cluster: tuple[str, dict[str, str]],
    given: dict[str, str],
    emulator: Emulator,
    postgres_place: PostgresPlace,
    tmp_path: Path,
) -> None:
    master, environment = cluster
    marks = tmp_path / "marks"
    marks.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, master, str(marks)],
        input=json.dumps(given),
        env=environment,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert {one.name for one in marks.iterdir()} >= {"0-0", "0-1", "1-0", "2-0", "3-0"}
    assert names(emulator) == sorted(f"S-{one} Vendor {one}" for one in range(1, 41))
    assert staged(postgres_place) == []
