"""Virtual streams: streams that are not objects of Intacct, such as balances, dimension values and custom reports."""
