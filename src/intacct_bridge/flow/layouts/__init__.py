"""How the columns of an input are read as records: journal entries, Intacct's own names, mappings."""
