"""Layouts: how input columns become records (journal entries, Intacct's own names, mappings)."""
