"""Posting: sending through the outbox, settling records in doubt, retrying."""
