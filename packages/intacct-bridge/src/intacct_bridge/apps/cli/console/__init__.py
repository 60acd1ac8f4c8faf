"""The commands for people and programs beside the terminal: `intacct console` and `intacct mcp`."""
