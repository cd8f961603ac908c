"""The target `github_actions`: a bundle becomes a merged pull request, and the workflow that it holds is run and followed."""
