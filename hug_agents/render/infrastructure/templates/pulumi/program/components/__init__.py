"""The parts of an environment, one component a file."""
