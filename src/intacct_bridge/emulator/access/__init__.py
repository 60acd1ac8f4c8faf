"""Sign-in, rights and the limit on requests at a time."""
