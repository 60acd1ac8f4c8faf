"""Storage of rows in SQLite, and the catalogue of objects."""
