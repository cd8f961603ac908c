"""A model that only amends: rules read and note, as offline; what it writes for amendments is scripted."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from hug_agents.agents.offline import OfflineChatModel
from hug_agents.prompting import prompt_id
from tests.agents.scripted import Scripted


class Amends(Scripted):
    """The script is of the deployment agent's questions, `devops` of the DevOps agent's."""

    devops: list[Any] = []  # noqa: RUF012 - pydantic copies it for each model
    asked: list[str] = []  # noqa: RUF012

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        name = prompt_id(str(messages[0].content))
        if not name.endswith("/amend"):
            return OfflineChatModel()._generate(messages)
        self.asked.append(name)
        if name.startswith("deployment/"):
            return super()._generate(messages, *args, **kwargs)
        count = self.asked.count(name)
        return Scripted(script=[self.devops[min(count, len(self.devops)) - 1]])._generate(messages)
