"""The demo company's transactions, month by month."""
