"""The commands that post, and those for what was posted: load, plan, single records, outbox, undo, reverse, void."""
