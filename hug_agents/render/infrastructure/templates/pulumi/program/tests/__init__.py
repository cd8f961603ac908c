"""Run with `python -m unittest`: every resource is declared, against a mocked provider. No account is asked."""
