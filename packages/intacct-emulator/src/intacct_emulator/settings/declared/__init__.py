"""Declared companies: the checks of a declaration, and the definitions and records that follow from it."""
