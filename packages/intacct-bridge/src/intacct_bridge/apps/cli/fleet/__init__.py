"""`intacct fleet`: many companies."""
