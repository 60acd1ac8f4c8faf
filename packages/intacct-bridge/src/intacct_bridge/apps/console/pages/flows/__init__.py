"""The pages for flows, runs, dead letters and reconciliation."""
