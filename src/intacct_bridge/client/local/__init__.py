"""Directories and locks on the user's machine."""
