"""The demo company's master data and settings."""
