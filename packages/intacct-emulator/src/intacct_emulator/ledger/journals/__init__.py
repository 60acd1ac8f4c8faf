"""Journal entries, and what a line becomes: splits, allocations, taxes."""
