"""Outward mappings: records of Intacct in the columns or the shape of another system."""
