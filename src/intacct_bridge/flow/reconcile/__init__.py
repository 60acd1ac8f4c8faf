"""Reconciliation: comparing a copy with the ledger."""
