"""The commands of `intacct`, one file a command."""
