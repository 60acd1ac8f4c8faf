"""Floor 2: what the data means. Pure functions on values."""
