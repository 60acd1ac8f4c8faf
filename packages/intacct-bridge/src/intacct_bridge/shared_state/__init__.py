"""Shared state: outbox, event log and run history in SQLite files or in PostgreSQL, behind one interface."""
