"""The commands of `intacct`: a module for each command, and what they share."""
