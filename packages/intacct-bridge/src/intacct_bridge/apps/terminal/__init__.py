"""The terminal and the process: output, tables, progress, errors, exit status."""
