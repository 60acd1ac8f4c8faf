"""The Singer programs `tap-intacct` and `target-intacct`."""
