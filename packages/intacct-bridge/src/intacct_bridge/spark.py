"""A Spark data source: objects and changes of Intacct as DataFrames.

    df = spark.read.format("intacct").option("connection", "books").option("object", "APBILL").load()

Spark 4 finds the format by itself if this package is installed on the driver. `register` is for a session that does
not. Needs the extra `spark`, also on executors.
"""

from typing import Any

from intacct_bridge.apps.spark.source import IntacctDataSource

__all__ = ["IntacctDataSource", "register"]


def register(spark: Any) -> None:
    """Make the format `intacct` known to a `SparkSession`."""
    spark.dataSource.register(IntacctDataSource)
