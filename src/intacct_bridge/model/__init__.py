"""What the data means: the catalogue, keys, queries, mappings. Pure functions on values."""
