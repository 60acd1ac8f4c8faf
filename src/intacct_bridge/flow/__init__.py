"""Floor 4: moves records. Knows neither Singer nor the command line."""
