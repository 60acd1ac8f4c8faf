"""Virtual streams, which are not objects: balances, dimension values, custom reports, lists of document type 2.1."""
