"""Input files and the records that they hold: cells, tables, writes, identities."""
