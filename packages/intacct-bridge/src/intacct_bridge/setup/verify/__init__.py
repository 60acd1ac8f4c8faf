"""Verification: probes that find out how a company's gateway behaves where no documentation says it."""
