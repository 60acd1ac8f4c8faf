"""The gateway's functions: the registry of handlers, and how functions run."""
