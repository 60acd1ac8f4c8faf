"""Floor 1: bytes ⇄ typed messages. No socket, no clock, no randomness."""
