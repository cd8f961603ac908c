"""The `kubernetes` target: a bundle's manifests, applied with kubectl."""
