"""Targets: the only code that touches the outside, each through `process.py` or `http.py`, each called by the executor."""
