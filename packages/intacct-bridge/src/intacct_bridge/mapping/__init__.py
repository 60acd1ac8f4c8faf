"""The mapping language: which column of an input becomes which field of a record."""
