"""Rules: checks that find what the gateway would refuse, before a record is sent."""
