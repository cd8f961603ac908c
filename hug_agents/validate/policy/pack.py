"""All rules, and the gate that holds a bundle against them."""

from __future__ import annotations

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.policy import (
    automated_gates,
    documentation,
    drills,
    health,
    immutable,
    isolated_tests,
    observability,
    parity,
    safe_rollouts,
    simplicity,
    stacks,
    written,
)
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Rule

_PRACTICES = (immutable, isolated_tests, safe_rollouts, health, documentation)
_PITFALLS = (automated_gates, parity, simplicity, observability, drills)
_STACKS = (stacks,)
_AMENDMENTS = (written,)


def rules() -> tuple[Rule, ...]:
    """Every rule, best practices first, in the order of the mission; then those for CloudFormation, and for what a model wrote."""
    return tuple(rule for module in (*_PRACTICES, *_PITFALLS, *_STACKS, *_AMENDMENTS) for rule in module.RULES)


class PolicyPack(Gate):
    """No program is needed: it reads what was written."""

    name = "policy pack"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle)

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        facts = Facts(workspace.bundle, workspace.blueprint)
        findings = []
        for rule in rules():
            for hit in rule.check(facts):
                found = self.finding(
                    rule.id,
                    f"{hit.message}. {rule.reason}",
                    severity=hit.severity or rule.severity,
                    file=hit.file,
                    line=hit.line,
                    remedy=rule.remedy,
                )
                findings.append(found.model_copy(update={"owner": rule.owner, "fix": hit.fix}))
        return tuple(dict.fromkeys(findings))
