"""Rows a second through Spark's data source against `intacct extract` and `intacct load`, with one and two cores.

`python -m bench.spark [SCALE]` (default 2) needs Java, and pyspark where Python finds it or where Spark's tests have
installed it. Each way is a process of its own that is kept to its cores; the server of the company and PostgreSQL are
others, on the same machine.

`extract` and `read` copy GLDETAIL to Parquet, and `scan` reads it in Spark and throws it away. `load` and `write`
create vendors; `stage` is the part of a write that tasks do, by one COPY, in one process without Spark. `ratio`
compares `read` and `scan` with `extract`, and `write` with `load`. Spark first does the same with a few rows twice:
that warms it up, and the second time is what any read or write costs (`fixed`). `beyond` leaves it out.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.company import ACCOUNT
from bench.measure import serving
from intacct_bridge.apps.demo.own_postgres import own_postgres
from intacct_bridge.apps.spark.writer import batch_write
from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from support.repository import ROOT

LEDGER, SMALL = "GLDETAIL", "DEPARTMENT"
VENDORS = 1_000
CORES = (1, 2)
LONGEST = 120
"""Seconds after which a way is given up."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one process measures with."""

    url: str
    postgres: str
    cores: int
    folder: Path

    def options(self, **more: str) -> dict[str, str]:
        """The options of the data source."""
        return {**ACCOUNT, "endpoint": self.url, "concurrency": str(self.cores), **more}

    def write_options(self) -> dict[str, str]:
        """The options of a write; each has a schema of its own in the database."""
        mark = "&" if "?" in self.postgres else "?"
        outbox = f"{self.postgres}{mark}schema=bench_{os.getpid()}"
        return self.options(object="VENDOR", key="VENDORID", outbox=outbox)


@dataclass(frozen=True, slots=True)
class Timed:
    """Rows and seconds; `fixed` is what any read or write of Spark costs."""

    rows: int
    seconds: float
    fixed: float = 0.0


def extract(job: Job) -> Timed:
    """`intacct extract` to Parquet, with as many requests at once as cores."""
    connection = Connection(endpoint=job.url, concurrency=job.cores, **ACCOUNT)
    with (
        Client(connection, keep=False) as client,
        closing(open_destination(f"parquet:{job.folder / 'copy'}")) as destination,
    ):
        began = time.perf_counter()
        run = prepare(client, ReadRequest((LEDGER,))).into(destination)
        for _ in run:
            pass
        return Timed(sum(one.rows for one in run.outcomes), time.perf_counter() - began)


def read(job: Job) -> Timed:
    """The data source to Parquet, with as many tasks as cores."""
    return _read(job, "parquet")


def scan(job: Job) -> Timed:
    """The data source alone, with as many tasks as cores."""
    return _read(job, "noop")


def _read(job: Job, destination: str) -> Timed:
    with _session(job) as session:

        def frame(name: str) -> Any:
            return session.read.format("intacct").options(**job.options(object=name)).load()

        def seconds(name: str) -> float:
            began = time.perf_counter()
            frame(name).write.format(destination).option("path", str(job.folder / "copy")).mode("overwrite").save()
            return time.perf_counter() - began

        seconds(SMALL)
        fixed, found = seconds(SMALL), seconds(LEDGER)
        return Timed(frame(LEDGER).count(), found, fixed)


def load(job: Job) -> Timed:
    """`intacct load` of vendors, with its start."""
    rows = ({"VENDORID": f"L{job.cores}-{one}", "NAME": "x", "DISPLAYCONTACT": _CONTACT} for one in range(VENDORS))
    file = job.folder / "vendors.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    given = job.write_options()
    names = {f"INTACCT_{name.upper()}": value for name, value in given.items() if name not in ("object", "key")}
    words = ["load", str(file), "--as", "VENDOR", "--key", "VENDORID", "--apply", "--yes"]
    began = time.perf_counter()
    command = [sys.executable, "-m", "intacct_bridge", *words]
    subprocess.run(command, env=os.environ | names, check=True, stdout=subprocess.DEVNULL)
    return Timed(VENDORS, time.perf_counter() - began)


def write(job: Job) -> Timed:
    """The data source's write of vendors with two tasks: staged, planned, posted."""
    with _session(job) as session:
        options = job.write_options()

        def seconds(first: int, last: int) -> float:
            rows = session.range(first, last, 1, 2).selectExpr(
                f"concat('W{job.cores}-', id) AS VENDORID",
                "'x' AS NAME",
                "named_struct('PRINTAS', 'x') AS DISPLAYCONTACT",
            )
            began = time.perf_counter()
            rows.write.format("intacct").options(**options).mode("append").save()
            return time.perf_counter() - began

        fixed = seconds(0, 10), seconds(10, 20)
        return Timed(VENDORS, seconds(20, 20 + VENDORS), fixed[1])


def stage(job: Job) -> Timed:
    """What a task does with its rows, for a hundred times as many."""
    import pyarrow as pa

    rows = [{"VENDORID": f"S-{one}", "NAME": "x", "DISPLAYCONTACT": _CONTACT} for one in range(100 * VENDORS)]
    kinds = {"VENDORID": "string", "NAME": "string"}
    fields: list[dict[str, Any]] = [{"name": name, "type": kind} for name, kind in kinds.items()]
    contact = {"type": "struct", "fields": [{"name": "PRINTAS", "type": "string"}]}
    schema = {"type": "struct", "fields": [*fields, {"name": "DISPLAYCONTACT", "type": contact}]}
    writing = batch_write(job.write_options(), schema, overwrite=False)
    batches = pa.Table.from_pylist(rows).to_batches(max_chunksize=10_000)
    began = time.perf_counter()
    writing.stage(batches, 0)
    seconds = time.perf_counter() - began
    writing.abort()
    return Timed(len(rows), seconds)


_CONTACT = {"PRINTAS": "x"}
WAYS: dict[str, Callable[[Job], Timed]] = {one.__name__: one for one in (extract, read, scan, load, write, stage)}
AGAINST = {"read": "extract", "scan": "extract", "write": "load"}


@contextmanager
def _session(job: Job) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    quiet = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    session = SparkSession.builder.master(f"local[{job.cores}]").config(map=quiet).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        yield session
    finally:
        session.stop()


def _pyspark() -> list[str]:
    """The folder of pyspark, where Python does not find it by itself."""
    installed = (ROOT / ".judges").glob("pyspark-*/lib/python3*/site-packages")
    return [str(one) for one in installed]


def _measured(way: str, url: str, postgres: str, cores: int) -> Timed | None:
    """One way in its own process; None where it takes too long."""
    command = [sys.executable, "-m", "bench.spark", way, url, postgres, str(cores)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return None
    return Timed(*json.loads(done.stdout.splitlines()[-1]))


def _line(cores: int, way: str, found: Timed | None, before: Timed | None) -> str:
    if found is None:
        return f"{cores:>5}  {way:<8} took longer than {LONGEST} seconds"
    rate = found.rows / found.seconds
    text = f"{cores:>5}  {way:<8} {found.rows:>9,} {found.seconds:>8.1f} {rate:>9,.0f}"
    if before is not None:
        text += f" {rate / (before.rows / before.seconds):>6.2f}"
    if found.fixed:
        text += f" {found.fixed:>7.1f} {found.rows / max(found.seconds - found.fixed, 0.001):>9,.0f}"
    return text


def main() -> None:
    """Measure each way with each number of cores, or one of them in this process."""
    if len(sys.argv) > 2:
        way, url, postgres, cores = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            os.environ |= {f"XDG_{one}_HOME": folder for one in ("CONFIG", "STATE", "CACHE")}
            found = WAYS[way](Job(url, postgres, cores, Path(folder)))
        print(json.dumps([found.rows, found.seconds, found.fixed]))
        return
    scale = sys.argv[1] if len(sys.argv) > 1 else "2"
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, sys.path), *_pyspark()])
    with serving("bench.demo_server", "0", "0", "0", scale) as (url, _), own_postgres() as postgres:
        print(
            f"{'cores':>5}  {'way':<8} {'rows':>9} {'seconds':>8} {'rows/s':>9} {'ratio':>6} {'fixed':>7} {'beyond':>9}"
        )
        for cores in CORES:
            known: dict[str, Timed | None] = {}
            for way in WAYS:
                known[way] = _measured(way, url, postgres, cores)
                print(_line(cores, way, known[way], known.get(AGAINST.get(way, ""))), flush=True)


if __name__ == "__main__":
    main()
