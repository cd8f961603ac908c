"""One client for every registry that speaks the OCI distribution protocol: Docker Registry, Nexus, Artifactory and others."""
