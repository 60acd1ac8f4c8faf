"""One company's data: rows, sessions, users, and the selection and rendering of rows."""
