"""Queries: filters, orders, aggregates, the two filter languages, and their evaluation in memory."""
