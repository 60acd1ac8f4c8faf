"""Undo: the writes that take back what the outbox posted."""
