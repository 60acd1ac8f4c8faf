"""Payments and receipts, and what they settle."""
