"""The commands for what was posted: the outbox, undo, and the actions reverse, void, approve, decline and recall."""
