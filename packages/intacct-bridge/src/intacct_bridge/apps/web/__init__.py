"""What the servers of the console, of fleets and of agents have in common."""
