"""Moves records: extraction, planning, posting, undo, reconciliation. Independent of Singer and the command line."""
