"""Connections: their settings, the source of each setting, and secrets."""
