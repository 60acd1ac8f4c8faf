"""Where rows are kept (SQLite), and the catalogue of objects."""
