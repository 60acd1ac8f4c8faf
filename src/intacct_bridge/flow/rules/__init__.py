"""Rules: what the gateway would refuse, found before a record is sent."""
