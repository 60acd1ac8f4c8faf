"""Records to write: their fields, keys, identity and status."""
