"""The pages for what is posted: files to load, plans, and the outbox."""
