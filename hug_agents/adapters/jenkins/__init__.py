"""The target `jenkins`."""
