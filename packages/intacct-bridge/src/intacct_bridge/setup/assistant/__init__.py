"""The set-up assistant: what must be done in Intacct for one planned use, step by step, and what is done already."""
