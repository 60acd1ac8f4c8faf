"""Copied companies: a company made from the tables of an extracted copy, anonymised if wanted."""
