"""What a client of Sage Intacct and an emulator of it both speak: messages, values, names, grammar and tables."""

__version__ = "0.1.0"
