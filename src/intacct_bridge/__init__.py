"""Intacct Bridge: move data between Sage Intacct and everything else, both ways."""

__version__ = "0.1.0"

__all__ = ["__version__"]
