"""The general ledger: postings, journal entries, taxes, allocations, balances."""
