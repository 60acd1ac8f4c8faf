"""Records as the functions that write them: the generic ones and the object-specific ones."""
