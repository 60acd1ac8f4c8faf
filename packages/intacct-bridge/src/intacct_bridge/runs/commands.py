"""The commands that a flow can run: what a scheduler runs."""

UNATTENDED = ("extract", "load", "watch", "reconcile", "sql")
"""A run of them is kept even if it failed before its first call."""
