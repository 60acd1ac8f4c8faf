"""Destinations of a copy: DuckDB, PostgreSQL, and folders of Parquet, CSV or JSON files."""
