"""The generic functions `create`, `update` and `delete`, and what they do to each object."""
