"""The commands for named jobs and for what ran: flows, run, runs."""
