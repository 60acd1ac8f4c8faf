"""Virtual streams: streams without an object behind them, such as balances, dimension values and custom reports."""
