"""Moves records: extraction, loading, the outbox, reconciliation. Independent of Singer and the command line."""
