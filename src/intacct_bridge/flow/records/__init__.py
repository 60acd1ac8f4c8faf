"""Input files and their records: cells, tables, writes, identities."""
