"""Approval: the digest of a plan, who may approve it, and what may be applied."""
