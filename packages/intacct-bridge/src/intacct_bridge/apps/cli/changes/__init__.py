"""The commands for changes: `intacct watch`, its status, its dead letters, replay and skip."""
