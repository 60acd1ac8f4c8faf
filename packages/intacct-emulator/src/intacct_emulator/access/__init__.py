"""Sign-in, rights, and the limit on simultaneous requests."""
