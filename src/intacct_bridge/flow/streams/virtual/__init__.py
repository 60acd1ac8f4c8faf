"""Virtual streams, which are not objects: balances, dimension values, reports, lists of document type 2.1."""
