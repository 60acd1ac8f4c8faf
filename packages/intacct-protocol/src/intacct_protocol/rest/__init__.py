"""The REST interface: its errors. No socket and no clock."""
