"""The outbox: the durable record of each posting and its outcome."""
