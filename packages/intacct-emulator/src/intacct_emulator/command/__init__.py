"""The command `intacct-emulator`, and what other commands that serve an emulator take from it."""
