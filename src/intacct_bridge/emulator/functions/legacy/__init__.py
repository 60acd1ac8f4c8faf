"""The legacy functions, one kind of object each."""
