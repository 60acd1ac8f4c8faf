"""Recordings of a gateway: made between a program and the gateway, answered from, and compared with the emulator."""
