"""Data files: tables that code reads and never edits."""
