"""The commands of `intacct`, one file for each command."""
