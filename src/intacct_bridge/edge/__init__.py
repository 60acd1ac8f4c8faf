"""Floor 5: what a person or a scheduler runs; thin."""
