"""The commands about postings: the outbox, undo, and what Intacct does to a whole record."""
