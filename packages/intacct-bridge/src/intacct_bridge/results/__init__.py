"""What the library gives back: each result is typed, says `to_dict()`, and shows itself as tables in a notebook."""
