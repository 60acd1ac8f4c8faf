"""Settings of an emulator: senders, companies, behaviour, refusals, faults, and scenario files."""
