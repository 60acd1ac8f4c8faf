"""Orders, inventory, contracts, revenue and timesheets."""
