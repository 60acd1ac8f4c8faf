"""Checks, storage, changes and deletes of any record."""
