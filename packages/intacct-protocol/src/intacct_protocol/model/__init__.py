"""The meaning of the data: the catalogue, keys, queries, mappings, wording. Pure functions on values."""
