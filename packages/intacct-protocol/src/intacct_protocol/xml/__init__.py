"""Bytes to typed messages and back. No socket, no clock, no randomness."""
