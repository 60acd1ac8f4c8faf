"""The client of one company, through one connection. Every request to Intacct goes through this package."""
