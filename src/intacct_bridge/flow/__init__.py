"""Moves records: extraction, loading, the outbox, reconciliation. Knows neither Singer nor the command line."""
