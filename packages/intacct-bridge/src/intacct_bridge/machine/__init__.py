"""The user's machine: directories, locks, the clock, the account, and files that survive a power cut."""
