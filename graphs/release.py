"""What an Agent Server serves: the release graph, without a checkpointer (the server brings its own)."""

from hug_agents.settings import Settings
from hug_agents.store import Store
from hug_agents.workflow import Crew, build_graph

_settings = Settings.load()
graph = build_graph(Crew(store=Store(_settings.home), model=_settings.model)).compile()
