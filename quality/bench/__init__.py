"""Benchmarks: `python -m bench` prints ratios. No test asserts a time."""
