"""Records that arrive in streams, one by one: their keys in the source, their numbers among equals, their layouts."""
