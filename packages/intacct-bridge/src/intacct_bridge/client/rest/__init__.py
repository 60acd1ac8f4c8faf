"""Sage Intacct's REST interface: tokens, and one round trip."""
