"""The work of the commands that a flow can run too: each runs its operation and shows the result."""
