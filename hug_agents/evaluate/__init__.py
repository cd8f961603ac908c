"""How good the crew is, counted: suites of requests, repositories and infrastructure tasks, scored against what is known.

suite: what is asked and what is true. values, score: a spec against the truth. facts: a scan against the truth. tasks,
terraform, cloudformation: a written file against the tools and the intent. crew: who answers. run, report: all of it.
"""
