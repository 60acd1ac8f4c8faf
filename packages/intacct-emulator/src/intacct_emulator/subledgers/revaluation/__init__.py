"""Revaluation: foreign-currency balances at the rate of a day, and the journal entries for the difference."""
