"""Questions to a copy from someone who is not trusted: one SELECT, over the copy alone, within limits."""
