"""The functions of the gateway: one table of handlers, and the generic functions."""
