"""Benchmarks: `python -m bench` prints ratios; nothing here asserts a time."""
