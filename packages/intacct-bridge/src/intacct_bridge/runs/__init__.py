"""Runs and flows: the history of runs, named jobs, metrics, notifications and traces."""
