"""The policy pack: the mission's five best practices and five pitfalls as rules over the spec and the files."""

from hug_agents.validate.policy.pack import PolicyPack, rules
from hug_agents.validate.policy.rule import Hit, Rule

__all__ = ["Hit", "PolicyPack", "Rule", "rules"]
