"""Input files as tables: cells, rows with their positions, and a reader for each format."""
