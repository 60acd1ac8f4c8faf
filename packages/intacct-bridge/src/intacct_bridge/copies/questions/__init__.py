"""Queries of a copy by a caller that is not trusted, such as an agent: one SELECT, of the copy alone, within limits."""
