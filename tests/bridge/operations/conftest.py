"""The company of journeys, for tests of operations."""

from support.journeys.posting import clock, emulator

__all__ = ["clock", "emulator"]
