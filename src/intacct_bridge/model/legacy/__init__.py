"""Document type 2.1 and the object-specific functions: element order and how a record is written with them."""
