"""Payables, receivables and cash: documents, payments, ageing."""
