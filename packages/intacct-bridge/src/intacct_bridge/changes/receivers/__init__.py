"""Receivers of events: a command, a web hook, files of JSON lines, a PostgreSQL table, a Python function."""
