"""What the demo company is made with: its people, calendar, transaction generator and ledger."""
