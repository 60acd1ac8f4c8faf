"""Reading through a session: the catalogue, queries and their pages, whole records, reports, document type 2.1."""
