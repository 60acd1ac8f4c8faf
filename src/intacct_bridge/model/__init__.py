"""The meaning of the data: the catalogue, keys, queries, mappings. Pure functions on values."""
