"""Reconciliation: comparing a copy with the company and its ledger."""
