"""Rows a second of GLDETAIL into Parquet: Spark's data source against `intacct extract`, with one and two cores.

`python -m bench.spark [SCALE]` needs Java and pyspark. Each reader is a process of its own that is kept to its cores;
the server of the company is another, on the same machine. The figures of Spark leave out its start and one small read,
by which it warms up.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.company import ACCOUNT
from bench.measure import serving
from intacct_bridge.client.client import Client
from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.flow.destinations.open import open_sink
from intacct_bridge.flow.extract.pipeline import ExtractRequest, prepare

NAME = "GLDETAIL"
CORES = (1, 2)


def extract(url: str, cores: int, folder: Path) -> tuple[int, float]:
    """`intacct extract` to Parquet, with as many requests at once as cores: rows and seconds."""
    with Client(Connection(endpoint=url, concurrency=cores, **ACCOUNT), keep=False) as client:
        began = time.perf_counter()
        run = prepare(client, ExtractRequest((NAME,))).into(open_sink(f"parquet:{folder / 'copy'}"))
        for _ in run:
            pass
        return sum(one.rows for one in run.outcomes), time.perf_counter() - began


def spark(url: str, cores: int, folder: Path) -> tuple[int, float]:
    """The data source to Parquet, with as many tasks as cores: rows and seconds."""
    from pyspark.sql import SparkSession

    quiet = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    session = SparkSession.builder.master(f"local[{cores}]").config(map=quiet).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        _read(session, url, cores, "DEPARTMENT").write.parquet(str(folder / "warm"))
        began = time.perf_counter()
        _read(session, url, cores, NAME).write.parquet(str(folder / "copy"))
        seconds = time.perf_counter() - began
        return session.read.parquet(str(folder / "copy")).count(), seconds
    finally:
        session.stop()


def _read(session: Any, url: str, cores: int, name: str) -> Any:
    given = {**ACCOUNT, "endpoint": url, "object": name, "concurrency": str(cores)}
    return session.read.format("intacct").options(**given).load()


WAYS: dict[str, Callable[[str, int, Path], tuple[int, float]]] = {"extract": extract, "spark": spark}


def main() -> None:
    """Measure each way with each number of cores, or one of them in this process."""
    if len(sys.argv) > 2:
        way, url, cores = sys.argv[1], sys.argv[2], int(sys.argv[3])
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            rows, seconds = WAYS[way](url, cores, Path(folder))
        print(json.dumps({"rows": rows, "seconds": seconds}))
        return
    scale = sys.argv[1] if len(sys.argv) > 1 else "1"
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    with serving("bench.demo_server", "0", "0", "0", scale) as (url, _):
        print(f"{'cores':>5}  {'way':<8} {'rows':>9} {'seconds':>8} {'rows/s':>8}")
        for cores in CORES:
            for way in WAYS:
                command = [sys.executable, "-m", "bench.spark", way, url, str(cores)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
                found = json.loads(done.splitlines()[-1])
                rows, seconds = found["rows"], found["seconds"]
                print(f"{cores:>5}  {way:<8} {rows:>9,} {seconds:>8.1f} {rows / seconds:>8,.0f}", flush=True)


if __name__ == "__main__":
    main()
