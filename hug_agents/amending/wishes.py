"""Which requirements are given to which agent: those that the spec carries nowhere, by what they speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hug_agents.amending.documents import Agent, Amendment
from hug_agents.plans import Requirement
from hug_agents.reading.requirements import ONLY_SHOWN

MOST = 6
"""Requirements for each agent; what is more stays unmet and is said."""
_ID = re.compile(r"R[0-9]{1,4}\Z")
_DEVOPS = re.compile(
    r"(?i)\b(pipelines?|workflows?|ci|builds?|scan(s|ned|ning)?|lint|nightly|every night|release notes|changelog|"
    r"dependabot|alerts?|alarms?|alerting|dashboards?|monitor(s|ed|ing)?|metrics?|prometheus|grafana|logs?|notif\w+|slack|"
    r"on.?call|slo)\b"
)


def wished(requirements: Iterable[Requirement]) -> Iterator[Amendment]:
    """An open amendment for each requirement that nothing meets, in the order of the request; what it only shows is none."""
    counts: dict[Agent, int] = {"deployment": 0, "devops": 0}
    for row in requirements:
        if row.status != "unmet" or row.reason == ONLY_SHOWN or not _ID.match(row.id):
            continue
        agent: Agent = "devops" if _DEVOPS.search(row.text) else "deployment"
        counts[agent] += 1
        item = Amendment(requirement=row.id, text=row.text, agent=agent)
        if counts[agent] > MOST:
            reason = f"the {agent} agent is given {MOST} requirements of one request"
            item = item.model_copy(update={"state": "unmet", "reason": reason})
        yield item
