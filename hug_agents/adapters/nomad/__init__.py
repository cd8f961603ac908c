"""The target `nomad`: a bundle's jobs on a Nomad cluster, over its HTTP API."""
