"""Targets that hand a bundle to a pipeline of a CI system which is not the code host: the files go by git, the run by an API."""
