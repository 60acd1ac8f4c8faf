"""Virtual streams: streams that are no object of Intacct, such as balances, dimension values and custom reports."""
