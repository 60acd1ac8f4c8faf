"""The object-specific functions of the 3.0 schema."""
