"""Spark shows a job's plan, logs its work and keeps its events: no password is in any of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from intacct_bridge.shared_state.place import PostgresPlace
from support.apps.spark_jobs import outbox_uri
from support.apps.spark_session import spark_packages
from support.repository import python_path

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
DRIVER = """
import os, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config(
    "spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").config(
    "spark.eventLog.enabled", "true").config("spark.eventLog.compress", "false").config(
    "spark.eventLog.dir", "file://" + os.environ["EVENT_LOG"]).getOrCreate()
spark.sparkContext.setLogLevel("DEBUG")
df = spark.range(1, 4, 1, 2).selectExpr("concat('S-', id) AS VENDORID", "concat('Vendor ', id) AS NAME",
                                        "named_struct('PRINTAS', 'x') AS DISPLAYCONTACT")
for more in ({}, {"key": "NAME", "batch_size": "500"}):
    options = {"connection": "books", "object": "VENDOR", "key": "VENDORID"} | more
    try:
        df.write.format("intacct").options(**options).mode("append").save()
        print("written")
    except Exception as error:
        print(error)
store = spark._jsparkSession.sharedState().statusStore().executionsList()
for at in range(store.size()):
    print("PLAN", store.apply(at).physicalPlanDescription())
spark.stop()
"""


def test_no_password_is_in_a_plan_or_a_log(given: dict[str, str], postgres_place: PostgresPlace, home: Path) -> None:
    packages = spark_packages()
    before, at, after = outbox_uri(postgres_place).partition("@")
    outbox = f"{before.rstrip(':')}:hunter2{at}{after}"
    shown = ("company_id", "user_id", "user_password", "sender_id", "sender_password", "environment", "endpoint")
    lines = [f'{name} = "{given[name]}"' for name in shown] + [f'outbox = "{outbox}"']
    (home / "work" / "intacct.toml").write_text("\n".join(["[connections.books]", *lines]), encoding="utf-8")
    (home / "events").mkdir()
    environment = os.environ | {
        "EVENT_LOG": str(home / "events"),
        "PYTHONPATH": python_path(packages),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(home / "local"),
    }
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], env=environment, capture_output=True, text=True, timeout=580, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "written" in done.stdout and "`batch_size`" in done.stdout and "PLAN" in done.stdout
    events = "".join(path.read_text("utf-8") for path in (home / "events").rglob("*") if path.is_file())
    assert "SparkListenerSQLExecutionStart" in events
    for secret in ("hunter2", given["user_password"], given["sender_password"]):
        assert secret not in done.stdout and secret not in done.stderr and secret not in events
