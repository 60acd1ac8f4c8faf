"""The doctor: which set-up step is missing, and how to fix it."""
