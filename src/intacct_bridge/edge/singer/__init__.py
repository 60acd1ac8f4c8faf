"""`tap-intacct` and `target-intacct`."""
