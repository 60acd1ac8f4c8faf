"""Reconciliation: whether a copy equals the ledger."""
