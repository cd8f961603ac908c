"""The target `ecs`: services that run already get another revision of their task definition, and the one before is gone back to."""
