"""Queries: filters, orders, aggregates, the two filter languages, and evaluation in memory."""
