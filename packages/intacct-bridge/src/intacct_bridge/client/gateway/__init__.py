"""The way to the gateway: HTTP, sessions, pacing, retries, the cost meter, the archive."""
