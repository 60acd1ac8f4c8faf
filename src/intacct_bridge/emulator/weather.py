"""The name of `emulator.settings.faults` in earlier versions, kept for programs that import it."""

from intacct_bridge.emulator.settings.faults import Weather

__all__ = ["Weather"]
