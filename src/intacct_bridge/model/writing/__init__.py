"""Records as the functions that write them, generic and object-specific."""
