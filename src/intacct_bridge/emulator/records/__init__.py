"""How any record is checked, kept, changed and deleted."""
