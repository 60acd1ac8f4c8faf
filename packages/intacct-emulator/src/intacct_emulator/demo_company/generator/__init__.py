"""The parts that generate the demo company: its parties, calendar, record stamps, sales cycle and ledger."""
