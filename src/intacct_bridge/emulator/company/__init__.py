"""One company's data: its rows, sessions, users, and how rows are selected and rendered."""
