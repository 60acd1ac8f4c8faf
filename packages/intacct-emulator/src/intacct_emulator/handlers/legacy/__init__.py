"""The legacy functions: a module for each kind of object."""
