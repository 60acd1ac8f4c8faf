"""Document type 2.1 and the object-specific functions: element order and encoding of records."""
