"""The target `circleci`."""
