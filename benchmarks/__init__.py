"""Figures, as ratios. Run with `make bench`, or one with `python -m benchmarks NAME`."""
