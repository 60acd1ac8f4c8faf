"""Reading through a session: the catalogue, queries, records and reports, and the same over document type 2.1."""
