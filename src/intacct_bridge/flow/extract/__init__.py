"""Extraction: from the company into a destination, complete or incremental, deletes included."""
