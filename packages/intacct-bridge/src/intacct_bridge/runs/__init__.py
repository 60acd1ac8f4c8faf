"""Runs and flows: the history of runs, named jobs, metrics, notifications and traces."""

UNATTENDED = ("extract", "load", "watch", "reconcile", "sql")
"""The commands that a flow can run. A run of them is kept even if it failed before its first call."""
