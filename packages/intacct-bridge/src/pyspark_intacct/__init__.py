"""How Spark 4 finds the data source `intacct` by itself: it looks into every package whose name begins with `pyspark_`.

Spark imports this on the driver when a program first uses a Python data source.
"""

from intacct_bridge.apps.spark.source import IntacctDataSource as DefaultSource

__all__ = ["DefaultSource"]
