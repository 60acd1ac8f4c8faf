"""The server for agents (Model Context Protocol): it reads, it plans, and it applies what a person approved."""
