"""Payments and receipts, and the documents that they settle."""
