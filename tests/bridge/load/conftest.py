"""The small company with a folder to post from, for the tests that want one."""

from support.journeys.posting import clock, desk, emulator

__all__ = ["clock", "desk", "emulator"]
