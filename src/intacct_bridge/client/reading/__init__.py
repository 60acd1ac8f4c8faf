"""Reading through a session: the catalogue, queries, records, reports, document type 2.1."""
