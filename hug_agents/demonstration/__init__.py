"""The demonstration: whole releases of a small real application on this machine, with real keys, processes and traffic.

`story` tells it, on a `site` (the folder of a run: application, people, keys, policy, store), while `traffic` asks production
for payments. `versions` are the application's own history. Nothing here prints.
"""
