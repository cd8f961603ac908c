"""The target `local`: each version of a service runs as processes on this machine, behind a real router.

One supervisor an application and environment owns the router (Traefik) and the replicas and outlives `hug`. It reads what is
wanted, converges towards it, and writes down what it sees; a target's method writes what is wanted and waits until it is seen.
"""
