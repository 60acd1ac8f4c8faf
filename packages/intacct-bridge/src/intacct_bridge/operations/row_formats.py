"""How programs write rows. Apart from the settings of jobs, which a program that only reads need not load."""

ROW_FORMATS = ("table", "csv", "json", "jsonl", "parquet")
