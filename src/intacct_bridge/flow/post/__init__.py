"""Posting: sending through the outbox, settling doubt, retrying."""
