"""Scenario files: senders, companies, behaviour, refusals, faults."""
