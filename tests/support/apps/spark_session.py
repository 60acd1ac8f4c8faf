"""A real Spark 4 in this process: installed by the test, run by the Java virtual machine of this machine."""

import importlib
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.judges import judge
from support.repository import python_path

_FOLDERS = ("config", "state", "cache")
"""What programs that Spark starts keep, under the folder of the session."""
_QUIET = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
    "spark.driver.extraJavaOptions": "-Xshare:auto -XX:TieredStopAtLevel=1",
}


def spark_packages() -> Path:
    """The folder with pyspark; skips the test where Java or pyspark is not to be had."""
    if shutil.which("java") is None:
        pytest.skip("Spark needs a Java virtual machine, and there is no `java` here")
    return next((judge("pyspark").parent / "lib").glob("python3*")) / "site-packages"


@contextmanager
def _own_folders(folder: Path) -> Iterator[None]:
    """The Java virtual machine that starts meanwhile, and all that it starts, keep their files there."""
    names = {f"XDG_{name.upper()}_HOME": str(folder / name) for name in _FOLDERS}
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ |= names
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ |= before


@contextmanager
def running_spark(master: str, folder: Path, **settings: str) -> Iterator[Any]:
    """A session, whose workers import this checkout. Only one may run in a process."""
    packages = spark_packages()
    path = python_path(packages)
    before = dict(os.environ)
    os.environ |= {
        "PYTHONPATH": path,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "local"),
    }
    sys.path.append(str(packages))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sql = importlib.import_module("pyspark.sql")
            builder = sql.SparkSession.builder.master(master).appName("intacct")
            for name, value in (_QUIET | {"spark.sql.warehouse.dir": str(folder / "warehouse")} | settings).items():
                builder = builder.config(name, value)
            with _own_folders(folder):
                session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        try:
            yield session
        finally:
            gateway = session.sparkContext._gateway
            session.stop()
            gateway.shutdown()
            gateway.proc.stdin.close()
            gateway.proc.wait(30)
            sys.modules["pyspark"].SparkContext._gateway = None
            sys.modules["pyspark"].SparkContext._jvm = None
    finally:
        os.environ.clear()
        os.environ.update(before)
        sys.path.remove(str(packages))
