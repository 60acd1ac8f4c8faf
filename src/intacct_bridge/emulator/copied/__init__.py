"""Copied companies: a company made from the tables of an extracted copy, with other names, ids and texts if wanted."""
