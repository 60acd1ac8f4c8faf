"""The outbox: the durable record of what is about to be posted and what became of it."""
