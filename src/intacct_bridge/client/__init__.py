"""Floor 3: the only socket and clock on the way to Intacct."""
