"""Changes: the event log of a company's changes, the watches that fill it, and the delivery of its events."""
