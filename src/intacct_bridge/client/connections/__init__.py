"""Connections: their settings, where each setting comes from, and secrets."""
