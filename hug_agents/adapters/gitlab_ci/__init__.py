"""The target `gitlab_ci`: a bundle comes onto a branch by a merge request, and a pipeline carries it out."""
