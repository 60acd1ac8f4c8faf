"""The terminal and the process: output, progress, failures, exit status."""
