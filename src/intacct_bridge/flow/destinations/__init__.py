"""Where a copy is kept: DuckDB, PostgreSQL, and folders of Parquet, CSV or JSON files."""
