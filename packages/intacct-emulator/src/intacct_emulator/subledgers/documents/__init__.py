"""Bills, invoices, adjustments, expense reports and card transactions."""
