"""A rollout: steps through the executor, their analysis, the way back, and its rehearsal."""
