"""The Spark data source `intacct`: Spark reads objects and changes of one company or of many."""
