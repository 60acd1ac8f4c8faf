"""The commands for reports: `intacct views`."""
