"""One company through one connection: the only socket and clock on the way to Intacct."""
