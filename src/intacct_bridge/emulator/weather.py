"""The former place of scripted faults, kept for programs that import it."""

from intacct_bridge.emulator.settings.faults import ScriptedFault, load_faults

Weather = ScriptedFault
load_weather = load_faults

__all__ = ["Weather", "load_weather"]
