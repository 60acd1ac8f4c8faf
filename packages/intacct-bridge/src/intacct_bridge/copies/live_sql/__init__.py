"""SQL over a live company: what a SELECT needs of each object is read, and DuckDB does the rest."""
