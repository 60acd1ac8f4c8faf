"""Extraction from the company into a destination: full refresh or incremental, deletes included."""
