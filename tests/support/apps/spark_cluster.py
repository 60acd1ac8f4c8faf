"""A Spark of two machines: a master and two workers in processes of their own, whose executors a test may lose.

Spark runs a slow task again on another host only, so the machines are two addresses of this one.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.apps.spark_session import spark_packages
from support.repository import python_path

# The settings of drivers of such a cluster: a task that takes longer than the others soon runs twice.
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "512m",
    "spark.executor.cores": "2",
    "spark.sql.session.timeZone": "UTC",
}
SPECULATION = {
    "spark.speculation": "true",
    "spark.speculation.interval": "200ms",
    "spark.speculation.multiplier": "1.1",
    "spark.speculation.quantile": "0.25",
    "spark.speculation.minTaskRuntime": "200ms",
}


@contextmanager
def running_cluster(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a Spark of two machines, and the environment of its programs."""
    packages = spark_packages()
    environment = os.environ | {
        "PYTHONPATH": python_path(packages),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_WORKER_DIR": str(folder / "workers"),
        "SPARK_HOME": str(packages / "pyspark"),
        "SPARK_DAEMON_MEMORY": "256m",
    }
    start = [str(packages / "pyspark" / "bin" / "spark-class"), "org.apache.spark.deploy"]

    with ExitStack() as ended, (folder / "cluster.log").open("w") as log:

        def begin(kind: str, host: str, *words: str) -> None:
            command = [start[0], f"{start[1]}.{kind}", "--host", host, *words]
            run = subprocess.Popen(command, env=environment | {"SPARK_LOCAL_IP": host}, stdout=log, stderr=log)
            ended.callback(run.wait)
            ended.callback(run.terminate)

        port, page = _free_port(), _free_port()
        begin("master.Master", "127.0.0.1", "--port", str(port), "--webui-port", str(page))
        master = f"spark://127.0.0.1:{port}"
        for host in ("127.0.0.2", "127.0.0.3"):
            begin("worker.Worker", host, "--webui-port", str(_free_port()), "--cores", "2", "--memory", "512m", master)
        _await_workers(f"http://127.0.0.1:{page}/json/", 2)
        yield master, environment | {"SPARK_LOCAL_IP": "127.0.0.1"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _await_workers(url: str, count: int) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if json.load(answer)["aliveworkers"] >= count:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError("the workers do not start")


def run_driver(
    cluster: tuple[str, dict[str, str]], program: str, given: Mapping[str, str], marks: Path, **settings: str
) -> None:
    """Run a driver: its arguments are the folder of its marks and the settings, and its input the options."""
    master, environment = cluster
    marks.mkdir()
    every = json.dumps({"spark.master": master} | SETTINGS | settings)
    done = subprocess.run(
        [sys.executable, "-c", program, str(marks), every],
        input=json.dumps(given),
        env=environment,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
